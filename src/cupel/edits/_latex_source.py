r"""LaTeX source taken apart: tokens, the places of closing marks, macros, the body.

Every closing mark is looked up among the places of its kind, so whatever reads the source with `Places` takes time
linear in its length, however many marks stay open.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator

from cupel.edits._latex_commands import MATH, VERBATIM

__all__ = ["TOKEN", "Places", "body", "expanded", "is_source", "macros"]

_SOURCE = re.compile(
    r"\\(?:documentclass|documentstyle|usepackage|maketitle|bibliography|bibitem|newtheorem"
    r"|(?:sub)*section|chapter|(?:sub)?paragraph)(?![A-Za-z])"
    r"|\\begin\s*\{(?:document|abstract|figure|table|theorem|lemma|proposition|corollary|definition|remark|proof"
    r"|itemize|enumerate|thebibliography)\*?\}"
)
TOKEN = re.compile(
    r"\\verb\*?(?P<mark>[!-)+-/:-@\[-`{-~])[^\n]*?(?P=mark)"
    r"|\\(?:url|path|href)\{[^{}\n]*\}"
    r"|\\(?P<side>begin|end)\s*\{(?P<name>[^{}\\$%\n]*)\}"
    r"|\\(?P<word>[A-Za-z]+)"
    r"|\\(?P<symbol>.)"
    r"|(?P<comment>%[^\n]*)"
    r"|(?P<brace>[{}])"
    r"|(?P<dollar>\$)"
    r"|(?P<blank>\n[ \t\r]*\n\s*)"
    r"|(?P<newline>\n)"
    r"|[^\\%{}$\n]+|\\",
    re.DOTALL,
)
"""The next token of a source; `lastgroup` says of which kind it is, `mark` and None being plain text."""

_DEFINITION = re.compile(
    r"\\(?:newcommand|renewcommand|providecommand)\*?\s*(?:\{\s*\\([A-Za-z]+)\s*\}|\\([A-Za-z]+))\s*(?=\{)"
    r"|\\def\s*\\([A-Za-z]+)\s*(?=\{)"
)
_DELIMITER = re.compile(r"\s*\\(?:begin|end)\s*\{([A-Za-z]+\*?)\}\s*")
_WORD = re.compile(r"\\([A-Za-z]+)")
_MAX_VALUE = 500
_MAX_DEPTH = 8
_MAX_GROWTH = 1 << 20


def is_source(text: str) -> bool:
    r"""Whether a text is LaTeX source, by commands that prose with formulas does not have.

    >>> is_source("\\section{Café} It costs 5 %."), is_source("It costs $5, or 5 % of 東京's $x$.")
    (True, False)
    """
    return _SOURCE.search(text) is not None


class Places:
    """Where marks that close something are in a source."""

    def __init__(self, text: str) -> None:
        self._text = text
        self.groups: dict[int, int] = {}
        """Opening brace → closing brace."""
        self.words: list[tuple[int, str]] = []
        """Control words, with their places."""
        self.environments: dict[str, list[tuple[int, int]]] = {}
        r"""`begin NAME` or `end NAME` → start and end of each; likewise `)` and `]` for `\)` and `\]`."""
        self._dollars: list[int] = []
        self._double_dollars: list[int] = []
        self._blanks: list[int] = []
        self._verbatim_ends: dict[str, list[int]] = {}
        opened: list[int] = []
        position = 0
        while (match := TOKEN.match(text, position)) is not None:
            start, position = match.span()
            kind = match.lastgroup
            if kind == "brace":
                if text[start] == "{":
                    opened.append(start)
                elif opened:
                    self.groups[opened.pop()] = start
            elif kind == "word":
                self.words.append((start, match["word"]))
            elif kind == "dollar":
                if self._dollars and self._dollars[-1] == start - 1:
                    self._double_dollars.append(start - 1)
                self._dollars.append(start)
            elif kind == "blank":
                self._blanks.append(start)
            elif kind == "symbol":
                if match["symbol"] in ")]":
                    self.environments.setdefault(match["symbol"], []).append((start, position))
            elif kind == "name":
                name = match["name"].strip()
                self.environments.setdefault(f"{match['side']} {name}", []).append((start, position))
                if match["side"] == "begin" and name in VERBATIM:
                    position = self.verbatim_end(name, position) or position

    def end(self, mark: str, position: int) -> int | None:
        """Where the first `mark` of `environments` after `position` ends."""
        places = self.environments.get(mark, [])
        index = bisect_left(places, (position, 0))
        return places[index][1] if index < len(places) else None

    def verbatim_end(self, name: str, position: int) -> int | None:
        """Where a verbatim environment that is open at `position` ends, whatever stands in it."""
        if name not in self._verbatim_ends:
            marks = re.finditer(re.escape(f"\\end{{{name}}}"), self._text)
            self._verbatim_ends[name] = [match.end() for match in marks]
        return _first(self._verbatim_ends[name], position)

    def dollar_end(self, start: int) -> int | None:
        """Where the formula ends that a dollar sign at `start` opens; None where it stays open in its paragraph."""
        if self._text.startswith("$$", start):
            double = _first(self._double_dollars, start + 2)
            return None if double is None else double + 2
        single = _first(self._dollars, start + 1)
        return None if single is None or self.is_blank(start, single) else single + 1

    def is_blank(self, start: int, stop: int) -> bool:
        """Whether a blank line lies between two places."""
        blank = _first(self._blanks, start)
        return blank is not None and blank < stop


def _first(places: list[int], position: int) -> int | None:
    """The first of ascending places that is not before `position`."""
    index = bisect_left(places, position)
    return places[index] if index < len(places) else None


def macros(text: str, places: Places, *, delimiters_only: bool) -> dict[str, str]:
    r"""Macros without arguments, with their values; values that use other macros are written out.

    Parameters
    ----------
    delimiters_only
        Only macros that stand for the beginning or the end of a formula, such as `\be` for `\begin{equation}`.
    """
    values: dict[str, str] = {}
    for _, end, name in _definitions(text, places):
        value = text[end + 1 : places.groups[end]]
        delimiter = _DELIMITER.fullmatch(value)
        if delimiter and delimiter[1] in MATH:
            values[name] = value.strip()
        elif delimiters_only or len(value) > _MAX_VALUE or "%" in value or "#" in value or "\n" in value:
            values.pop(name, None)
        else:
            values[name] = value
    for _ in range(_MAX_DEPTH):
        values = {name: _replaced(value, values)[:_MAX_VALUE] for name, value in values.items()}
    return {
        name: value
        for name, value in values.items()
        if len(value) < _MAX_VALUE and not any(word in values for word in _WORD.findall(value))
    }


def _definitions(text: str, places: Places) -> Iterator[tuple[int, int, str]]:
    """Start, opening brace of the value, and name of each definition of a macro without arguments."""
    for start, word in places.words:
        if word in ("newcommand", "renewcommand", "providecommand", "def"):
            match = _DEFINITION.match(text, start)
            if match is not None and match.end() in places.groups:
                yield start, match.end(), match[1] or match[2] or match[3]


def _replaced(value: str, values: dict[str, str]) -> str:
    return _WORD.sub(lambda match: values.get(match[1], match[0]), value)


def expanded(text: str, places: Places, values: dict[str, str]) -> str:
    """The text with macros replaced by their values, definitions aside; unchanged where it would grow by 1 MiB."""
    spans = {start: places.groups[brace] + 1 for start, brace, _ in _definitions(text, places)}
    pieces: list[str] = []
    position = growth = 0
    for start, word in places.words:
        if start < position:
            continue
        if start in spans:
            pieces.append(text[position : spans[start]])
            position = spans[start]
        elif (value := values.get(word)) is not None:
            before = text[start - 1 : start]
            end = start + 1 + len(word)
            # `x^\half` takes the whole value, and `\alpha\x` does not become another command.
            if before in ("^", "_") and len(value) > 1:
                value = f"{{{value}}}"
            elif before.isalpha() and value[:1].isalpha():
                value = f" {value}"
            pieces += (text[position:start], value)
            position = end
            growth += len(value)
            if growth > _MAX_GROWTH:
                return text
    return "".join((*pieces, text[position:]))


def body(text: str, places: Places) -> str:
    r"""What stands between `\begin{document}` and `\end{document}`; the bodies of several documents, one after another."""
    begins = places.environments.get("begin document", [])
    ends = places.environments.get("end document", [])
    if not begins:
        return text[: ends[0][0]] if ends else text
    bodies = []
    for index, (_, start) in enumerate(begins):
        stop = begins[index + 1][0] if index + 1 < len(begins) else len(text)
        first_end = bisect_left(ends, (start, 0))
        if first_end < len(ends):
            stop = min(stop, ends[first_end][0])
        bodies.append(text[start:stop].strip("\n"))
    return "\n\n".join(bodies)
