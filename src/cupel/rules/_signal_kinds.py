"""The signal columns, and the kind of value that rules may compare each with."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import pyarrow as pa

from cupel.contract import Column, Edit, Signal, methods_of

__all__ = ["kind_of", "signal_kinds"]


@cache
def signal_kinds() -> Mapping[str, str]:
    """What each signal column, and each count of an edit, is compared as: `number`, `text`, `truth`, or empty for none.

    >>> signal_kinds()["word_count"], signal_kinds()["language"]
    ('number', 'text')
    """
    kinds: dict[str, str] = {}
    for methods in (methods_of(Signal), methods_of(Edit)):
        for method in methods.values():
            for name, column in method.columns.items():
                kinds.setdefault(name, kind_of(column))
    return kinds


def kind_of(column: Column) -> str:
    """What a column is compared as: `number`, `text`, `truth`, or empty for none."""
    if pa.types.is_boolean(column.type):
        return "truth"
    if pa.types.is_integer(column.type) or pa.types.is_floating(column.type):
        return "number"
    value = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    return "text" if pa.types.is_string(value) or pa.types.is_large_string(value) else ""
