"""Tables as CSV, for spreadsheets and scripts: plain numbers, and no text that a spreadsheet would run."""

from __future__ import annotations

import csv
import io
import re
from typing import Any

from cupel.findings import Table

__all__ = ["table_csv"]

_ACTS = re.compile(r"[=+\-@\t\r]")
_IS_VALUE = re.compile(r"[-+−\d., %a-z]+")


def table_csv(table: Table) -> str:
    """All rows of a table as CSV (RFC 4180) with a head; numbers as they are, an absent value empty.

    A text that a spreadsheet would take for a formula gets an apostrophe before it.

    Examples
    --------
    >>> table_csv(Table(columns=("arm", "share"), rows=(("=1+1", 0.25), ("Café", None)), formats=("text", "percent")))
    "arm,share\\r\\n'=1+1,0.25\\r\\nCafé,\\r\\n"
    """
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow([_cell(column) for column in table.columns])
    writer.writerows([[_cell(value) for value in row] for row in table.rows])
    return file.getvalue()


def _cell(value: Any) -> Any:
    if isinstance(value, str) and _ACTS.match(value) and not _IS_VALUE.fullmatch(value):
        return f"'{value}"
    return value
