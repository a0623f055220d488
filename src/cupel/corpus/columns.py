"""Columns of a file: which hold the text or a conversation, and what to say if none do or two share a name."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from cupel.corpus.layouts import Layout, find_layout
from cupel.corpus.layouts import fitting_layouts as all_fitting_layouts
from cupel.corpus.layouts.image_text import CAPTIONS, ImageText
from cupel.corpus.media_files import file_columns
from cupel.corpus.records import TEXT_COLUMNS, BadRow, ReadOptions, Unit
from cupel.corpus.sink import Sink
from cupel.errors import BadInput

__all__ = [
    "MISSING",
    "UNREAD",
    "ColumnCheck",
    "caption_column",
    "find_text_column",
    "fitting_layouts",
    "is_readable",
    "missing_column_message",
    "unique_names",
]

MISSING = "missing-text"
UNREAD = (MISSING, "several-layouts")
"""Why a row is not read that, if all rows are like it, stop the run: its columns are not those of a document."""
_ROWS_BEFORE_GIVING_UP = 100


def find_text_column(columns: Any, options: ReadOptions) -> str | None:
    """Which of these columns holds the text, if any."""
    if options.layout is not None:
        return None
    if options.text_columns:
        return next((name for name in options.text_columns if name in columns), None)
    if "text" in columns:  # nearly always, and asked for every row
        return "text"
    return next((name for name in TEXT_COLUMNS if name in columns), None)


def caption_column(columns: Any, options: ReadOptions) -> str | None:
    """Which of these columns holds the caption of media beside it, if any."""
    if options.text_columns:
        return next((name for name in options.text_columns if name in columns), None)
    return next((name for name in (*TEXT_COLUMNS, *CAPTIONS) if name in columns), None)


def fitting_layouts(names: Collection[str], options: ReadOptions) -> list[Layout]:
    """The layouts of conversations that rows with these columns may be in, where none of these is the text.

    Raises
    ------
    UnknownName
        No layout has the name that the user gave.
    """
    if options.layout is not None:
        layout = find_layout(options.layout)
        return [layout] if layout.has(names) else []
    return [] if options.text_columns else all_fitting_layouts(names)


def is_readable(names: Collection[str], options: ReadOptions, media: Collection[str] = ()) -> bool:
    """Whether rows with these columns, of which some may hold media, may be documents."""
    if options.media_root is not None:
        media = [*media, *file_columns(names)]
    if media and options.layout in (None, ImageText.name) and caption_column(names, options) is not None:
        return True
    return find_text_column(names, options) is not None or bool(fitting_layouts(names, options))


def missing_column_message(path: str, columns: list[str], options: ReadOptions) -> str:
    """What to say when a file has no text column, and no layout of conversations or several."""
    listed = ", ".join(columns[:20]) or "none"
    if len(columns) > 20:
        listed += f" and {len(columns) - 20} more"
    if options.layout is not None:
        return f"{path}: the columns are not those of the layout '{options.layout}'; there are: {listed}"
    layouts = fitting_layouts(columns, options)
    if len(layouts) == 1:
        return f"{path}: the columns ({listed}) are those of '{layouts[0].name}', and the rows hold something else"
    if layouts:
        fitting = " and ".join(f"'{layout.name}'" for layout in layouts)
        return f"{path}: the columns ({listed}) are those of {fitting}; name one: --layout NAME (layout=...)"
    column = " or ".join(f"'{name}'" for name in options.text_columns) or "text"
    return (
        f"{path}: no {column} column; there are: {listed}. "
        f"Name the one that holds the text: --text-column NAME (text_column=...)"
    )


def unique_names(sink: Sink, names: Sequence[str], *, report: bool = True) -> list[str]:
    """The names of a table's columns, made unique: the second of two `text` columns becomes `text.2`.

    With `report`, an entry for the file goes to quarantine if any were renamed.
    """
    taken: set[str] = set(names)
    unique: list[str] = []
    for name in names:
        number, new = 1, name
        while new in unique or (number > 1 and new in taken):
            number += 1
            new = f"{name}.{number}"
        unique.append(new)
    renamed = [f"'{old}' (now '{new}')" for old, new in zip(names, unique, strict=True) if old != new]
    if renamed and report:
        detail = f"columns share a name: {', '.join(renamed[:20])}; the first of each keeps it"
        sink.bad(0, "file", "duplicate-column", detail)
    return unique


class ColumnCheck:
    """Distinguishes a file without a text column from one with a few rows that lack it."""

    def __init__(self, sink: Sink, active: bool = True) -> None:
        self._sink = sink
        self._waiting: list[tuple[int, Unit, str, BadRow]] | None = [] if active else None
        self._columns: dict[str, None] = {}

    def seen(self) -> None:
        """A row has the column: those that waited were just rows without it."""
        if self._waiting is not None:
            for entry in self._waiting:
                self._report(*entry)
            self._waiting = None

    def missing(self, position: int, unit: Unit, columns: Any, data: str, bad: BadRow) -> None:
        """A row lacks the column, or fits no single layout, as `bad` says.

        Raises
        ------
        BadInput
            None of the first hundred rows has it.
        """
        if self._waiting is None:
            self._report(position, unit, data, bad)
            return
        self._columns.update(dict.fromkeys(map(str, columns)))
        self._waiting.append((position, unit, data[:200], bad))
        if len(self._waiting) >= _ROWS_BEFORE_GIVING_UP:
            self.finish()

    def finish(self) -> None:
        """The file's end."""
        if not self._waiting:
            return
        options = self._sink.options
        message = missing_column_message(self._sink.label, list(self._columns), options)
        if options.missing_column == "stop":
            raise BadInput(message)
        for entry in self._waiting:
            self._report(*entry)
        self._waiting = None

    def _report(self, position: int, unit: Unit, data: str, bad: BadRow) -> None:
        self._sink.bad(position, unit, bad.reason, bad.detail, data)
