"""One line of progress that fits the terminal: a title, a bar, and as many fields as there is room for."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.progress import Progress, ProgressColumn, Task
from rich.text import Text

__all__ = ["draw_line", "make_bar"]

DONE, LEFT = "dark_orange3", "bright_black"
"""Both can be seen on light and on dark backgrounds; without colors the two halves are of different characters."""
SHORTEST, LONGEST = 8, 30
"""Characters of the bar. It shrinks before a field is left out."""


def draw_line(
    title: str, share: float, fields: Sequence[str], width: int, *, ascii_only: bool = False
) -> Text:
    """The line; `fields` are in the order of their importance, and the last ones are left out first.

    Examples
    --------
    >>> draw_line("pass 1 of 2", 0.5, ("1,200 documents", "kept 57.7 %", "12 MB/s"), 60).plain
    'pass 1 of 2 ━━━━━━─────  50 %  1,200 documents · kept 57.7 %'
    >>> draw_line("pass 1 of 2", 0.5, ("1,200 documents", "kept 57.7 %", "12 MB/s"), 20, ascii_only=True).plain
    'pass 1 of 2 ####----'
    """
    percent = f" {100 * share:3.0f} %"
    room = width - len(title) - 1
    shown = ""
    for field in fields:
        longer = f"{shown} · {field}" if shown else f"  {field}"
        if SHORTEST + len(percent) + len(longer) > room:
            break
        shown = longer
    if SHORTEST + len(percent) > room:
        percent = ""
    cells = max(min(room - len(percent) - len(shown), LONGEST), min(SHORTEST, max(room, 1)))
    done = min(max(round(share * cells), 0), cells)
    full, empty = ("#", "-") if ascii_only else ("━", "─")
    line = Text(f"{title} ", no_wrap=True, overflow="crop")
    line.append(full * done, style=DONE)
    line.append(empty * (cells - done), style=LEFT)
    line.append(percent)
    line.append(shown)
    line.truncate(width)
    return line


class _Line(ProgressColumn):
    max_refresh = None

    def __init__(self, console: Console) -> None:
        super().__init__()
        self.console = console

    def render(self, task: Task) -> Text:
        return draw_line(
            task.description,
            task.completed,
            task.fields["words"],
            self.console.width - 1,
            ascii_only=self.console.options.ascii_only,
        )


def make_bar(console: Console) -> Progress:
    """A bar whose tasks count up to 1 and have a field `words`, a sequence of texts."""
    return Progress(_Line(console), console=console, disable=not console.is_terminal)
