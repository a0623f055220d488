r"""LaTeX source to text with LaTeX formulas.

What is removed never survives outside formulas, with or without its arguments, and what is left never joins into a
command or a formula that was not there: that is why a second pass changes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from cupel.edits._latex_commands import ARGUMENTS, BARE, DEFINITIONS, HEADINGS, MATH, REFERENCES, VERBATIM
from cupel.edits._latex_source import TOKEN, Places

__all__ = ["Cleaner"]

_OPTION = re.compile(r"\s*\[(?>[^\[\]{}$%\\\n]|\\[A-Za-z]+|\n(?![ \t\r]*\n))*+\]")
_ARGUMENT = re.compile(r"\s*\{(?>[^{}$%\\\n]|\\[^\n]|\n(?![ \t\r]*\n))*+\}")
_OPENING = re.compile(r"\s*\{")
_BEFORE_NAME = re.compile(r"\s*=?\s*")
_REST_OF_NAME = re.compile(r"(?:@[A-Za-z@]*)?")
_PARAMETERS = re.compile(r"\s*(?:#\d)*")


class Cleaner:
    """Cleans one source; `text` is the result.

    Parameters
    ----------
    source
        The body of a document.
    environments
        Environments that are removed with what is in them.
    headings_as_text
        Whether the title of a section stands alone; otherwise the command stays.
    with_appendix
        Whether what follows `appendix` is kept.
    """

    def __init__(
        self, source: str, *, environments: Collection[str], headings_as_text: bool, with_appendix: bool
    ) -> None:
        self.comments = self.removed = self.formulas = 0
        self._source = source
        self._places = Places(source)
        self._environments = environments
        self._headings_as_text = headings_as_text
        self._with_appendix = with_appendix
        self._pieces: list[str] = []
        self._closings: set[int] = set()
        """Closing braces of titles."""
        self._line = 0
        """The number of pieces before the current line."""
        self._line_has_text = self._line_lost_text = False
        self._break = 0
        """The number of pieces up to the last blank line."""
        self._ends_in_word = self._joint = self._tie_removed = False
        position: int | None = 0
        while position is not None and position < len(source):
            position = self._step(position)
        self.text = "".join(self._pieces).strip()

    def _step(self, position: int) -> int | None:
        """Reads what stands at a place; the next place, or None at the end."""
        match = TOKEN.match(self._source, position)
        if match is None:  # pragma: no cover - every character is a token
            return None
        start, end = match.span()
        kind = match.lastgroup
        if kind == "comment":
            self.comments += 1
            self._trim(" \t")
            return self._remove(start, end)
        if kind in ("newline", "blank"):
            self._end_line(match[0], blank=kind == "blank")
            return end
        if kind == "dollar":
            return self._formula(start, self._places.dollar_end(start)) or self._keep(start, end)
        if kind == "symbol":
            return self._symbol(match["symbol"], start, end)
        if kind == "name":
            return self._environment(match["side"], match["name"].strip(), start, end)
        if kind == "word":
            return self._command(match["word"], start, end)
        if kind == "brace" and start in self._closings:
            self._paragraph()
            return end
        return self._keep(start, end)

    def _symbol(self, symbol: str, start: int, end: int) -> int:
        if symbol == "[":
            closing = self._places.end("]", end)
        elif symbol == "(":
            closing = self._places.end(")", end)
            if closing is not None and self._places.is_blank(start, closing):
                closing = None
        else:
            closing = None
        return self._formula(start, closing) or self._keep(start, end)

    def _environment(self, side: str, name: str, start: int, end: int) -> int:
        closing = None
        if name in self._environments or name == "document":
            if side == "begin" and name != "document":
                closing = self._places.end(f"end {name}", end)
            self._remove(start, closing or end)
            self.removed += 1
            self._paragraph()
            return closing or end
        if side == "begin" and name in MATH:
            closing = self._formula(start, self._places.end(f"end {name}", end))
        elif side == "begin" and name in VERBATIM:
            closing = self._places.verbatim_end(name, end)
            return self._keep(start, closing or end)
        return closing or self._keep(start, end)

    def _command(self, word: str, start: int, end: int) -> int | None:
        if word in HEADINGS:
            return self._heading(start, end)
        if word in REFERENCES:
            # `Figure~\\ref{f}.` is left as `Figure.`
            self._tie_removed = self._trim(" ~")
            match = _ARGUMENT.match(self._source, self._options(end))
            self.removed += 1
            return self._remove(start, match.end() if match else end)
        if word in ARGUMENTS:
            self.removed += 1
            return self._remove(start, self._arguments(word, end))
        if word in BARE:
            self.removed += 1
            if word == "appendix" and not self._with_appendix:
                return None
            return self._remove(start, end)
        self._add(self._source[start:end])
        self._ends_in_word = True
        return end

    def _heading(self, start: int, end: int) -> int:
        opening = _OPENING.match(self._source, self._options(end))
        closing = None if opening is None else self._places.groups.get(opening.end() - 1)
        if opening is None or closing is None:
            return self._remove(start, end)
        if not self._headings_as_text:
            return self._keep(start, opening.end())
        self._paragraph()
        self._closings.add(closing)
        return opening.end()

    def _options(self, position: int) -> int:
        """Past a star and optional arguments."""
        position += self._source.startswith("*", position)
        while (match := _OPTION.match(self._source, position)) is not None:
            position = match.end()
        return position

    def _arguments(self, word: str, position: int) -> int:
        """Past as many arguments as a command has, and as there are."""
        for _ in range(ARGUMENTS[word]):
            after = self._options(position)
            if word == "def" and (parameters := _PARAMETERS.match(self._source, after)) is not None:
                after = parameters.end()
            name_end = self._name_end(after) if word in DEFINITIONS else None
            if name_end is not None:
                position = name_end
                continue
            opening = _OPENING.match(self._source, after)
            closing = None if opening is None else self._places.groups.get(opening.end() - 1)
            if closing is None:
                break
            position = self._options(closing + 1) if word == "newtheorem" else closing + 1
        return position

    def _name_end(self, position: int) -> int | None:
        """Past the name of a command, with the equals sign of `let` before it."""
        before = _BEFORE_NAME.match(self._source, position)
        match = TOKEN.match(self._source, before.end() if before else position)
        if match is None or match.lastgroup not in ("word", "symbol"):
            return None
        rest = _REST_OF_NAME.match(self._source, match.end())
        return rest.end() if rest else match.end()

    def _formula(self, start: int, end: int | None) -> int | None:
        if end is None:
            return None
        self.formulas += 1
        return self._keep(start, end)

    def _keep(self, start: int, end: int) -> int:
        self._add(self._source[start:end])
        return end

    def _add(self, piece: str) -> None:
        first = piece[:1]
        if (self._joint and self._ends_in_word and not first.isspace()) or (
            self._tie_removed and first.isalnum()
        ):
            self._pieces.append(" ")
        self._joint = self._tie_removed = self._ends_in_word = False
        self._line_has_text = self._line_has_text or not piece.isspace()
        self._pieces.append(piece)

    def _remove(self, start: int, end: int) -> int:
        """Leaves out a stretch; a blank line in it stays one."""
        self._joint = self._line_lost_text = True
        if self._places.is_blank(start, end):
            self._paragraph()
        return end

    def _trim(self, spaces: str) -> bool:
        """Takes spaces away from the end of the line so far, if the text before them stays what it is."""
        if self._pieces and not self._ends_in_word and self._line_has_text:
            piece = self._pieces[-1].rstrip(spaces)
            if piece and piece[-1] not in "\\}$" and piece != self._pieces[-1]:
                self._pieces[-1] = piece
                return True
        return False

    def _end_line(self, mark: str, *, blank: bool) -> None:
        """A line of which nothing is left goes with its end; a blank line stays."""
        if self._line_lost_text and not self._line_has_text:
            del self._pieces[self._line :]
            at_break = not self._pieces or len(self._pieces) == self._break
            mark = "" if at_break or not blank else mark[mark.index("\n") + 1 :]
        if mark:
            self._add(mark)
        if blank:
            self._break = len(self._pieces)
        self._start_line()

    def _paragraph(self) -> None:
        """A blank line, unless there is one already or nothing before it."""
        if not self._line_has_text:
            del self._pieces[self._line :]
        if self._pieces and len(self._pieces) != self._break:
            self._add("\n\n")
            self._break = len(self._pieces)
        self._start_line()
        self._line_lost_text = True

    def _start_line(self) -> None:
        self._line = len(self._pieces)
        self._line_has_text = self._line_lost_text = False
