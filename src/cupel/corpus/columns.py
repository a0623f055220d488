"""Columns of a file: which one holds the text, and what to say if none does or two share a name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cupel.corpus.records import TEXT_COLUMNS, ReadOptions, Unit
from cupel.corpus.sink import Sink
from cupel.errors import BadInput

__all__ = ["MISSING", "ColumnCheck", "find_text_column", "missing_column_message", "unique_names"]

MISSING = "missing-text"
_ROWS_BEFORE_GIVING_UP = 100


def find_text_column(columns: Any, options: ReadOptions) -> str | None:
    """Which of these columns holds the text, if any."""
    if options.text_column is not None:
        return options.text_column if options.text_column in columns else None
    if "text" in columns:  # nearly always, and asked for every row
        return "text"
    return next((name for name in TEXT_COLUMNS if name in columns), None)


def missing_column_message(path: str, columns: list[str], options: ReadOptions) -> str:
    """What to say when a file has no text column."""
    column = f"'{options.text_column}'" if options.text_column else "text"
    names = ", ".join(columns[:20]) or "none"
    more = f" and {len(columns) - 20} more" if len(columns) > 20 else ""
    return (
        f"{path}: no {column} column; there are: {names}{more}. "
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
        self._waiting: list[tuple[int, Unit, str]] | None = [] if active else None
        self._columns: dict[str, None] = {}

    def seen(self) -> None:
        """A row has the column: those that waited were just rows without it."""
        if self._waiting is not None:
            for position, unit, data in self._waiting:
                self._report(position, unit, data)
            self._waiting = None

    def missing(self, position: int, unit: Unit, columns: Any, data: str) -> None:
        """A row lacks the column.

        Raises
        ------
        BadInput
            None of the first hundred rows has it.
        """
        if self._waiting is None:
            self._report(position, unit, data)
            return
        self._columns.update(dict.fromkeys(map(str, columns)))
        self._waiting.append((position, unit, data[:200]))
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
        for position, unit, data in self._waiting:
            self._report(position, unit, data)
        self._waiting = None

    def _report(self, position: int, unit: Unit, data: str) -> None:
        self._sink.bad(position, unit, MISSING, "the row has no text column", data)
