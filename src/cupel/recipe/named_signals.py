"""The signals of a recipe: options of families, and signals of a family under names of their own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from cupel.contract import Column, Signal, all_methods, find_method, methods_of
from cupel.errors import BadRecipe, UnknownName

__all__ = [
    "columns_of",
    "declared_column",
    "measured_by",
    "named_signals",
    "signal_options",
    "written_columns",
]

_NAME = re.compile(r"[a-z][a-z0-9_-]*")


def named_signals(signals: Mapping[str, Mapping[str, Any]], where: str = "signals") -> dict[str, Signal]:
    """The signals that a recipe gives names of their own; the options of families are checked as well.

    An entry whose key is a family holds options of that family; any other holds one family with its options:

    ```yaml
    signals:
      perplexity: {model: "hf:org/name"}
      textbook: {classifier-score: {scorer: models/textbook}}
      toxic: {classifier-score: {scorer: "fasttext:toxic.bin", label: toxic}}
    ```

    Raises
    ------
    UnknownName
        Neither the name nor what it holds is a signal.
    BadRecipe
        The name is that of another method, or is no name for a column.
    """
    families = methods_of(Signal)
    named: dict[str, Signal] = {}
    for name, value in signals.items():
        if name in families:
            families[name].from_options(value, where=where)
            continue
        family, options = _family(name, value, where)
        if name in all_methods():
            raise BadRecipe(f"{where}: '{name}' is the name of a method; choose another for this signal")
        if not _NAME.fullmatch(name):
            raise BadRecipe(
                f"{where}: '{name}': expected lower-case letters, digits, - and _, with a letter first"
            )
        named[name] = find_method(family, Signal).from_options(options, where=f"{where}: {name}").under(name)
    return named


def signal_options(signals: Mapping[str, dict[str, Any]], name: str) -> dict[str, Any] | None:
    """The options that an entry of `signals` holds, to be changed in place; None where there is no such entry."""
    entry = signals.get(name)
    if entry is None or name in methods_of(Signal):
        return entry
    (options,) = entry.values()
    return options if isinstance(options, dict) else None


def columns_of(signal: Signal) -> dict[str, Column]:
    """The columns of a signal as its recipe names them."""
    return {name: signal.columns[own] for name, own in signal.recipe_columns.items()}


def measured_by(signal: Signal) -> dict[str, Any]:
    """What decides the values of a signal: its method, the options, and the content of files that they name."""
    return {
        "method": signal.name,
        "options": signal.options.model_dump(mode="json"),
        "files": sorted(signal.file_digests.values()),
    }


def written_columns(
    columns: Mapping[str, Column], signals: Mapping[str, Signal]
) -> dict[str, dict[str, Any]]:
    """What a manifest says of signal columns.

    Parameters
    ----------
    columns
        By name.
    signals
        The signal that measured each, as far as one did.
    """
    return {
        name: {
            "type": str(column.type),
            "unit": column.unit,
            "meaning": column.meaning,
            "plural": column.plural,
        }
        | (measured_by(signals[name]) if name in signals else {})
        for name, column in columns.items()
    }


def declared_column(record: Mapping[str, Any]) -> Column | None:
    """The column that `written_columns` describes; None where its type cannot be read back from a name."""
    try:
        kind = pa.type_for_alias(str(record["type"]))
    except (KeyError, ValueError):
        return None
    return Column(kind, str(record["unit"]), str(record["meaning"]), str(record["plural"]))


def _family(name: str, value: Mapping[str, Any], where: str) -> tuple[str, Mapping[str, Any]]:
    """The family and its options in an entry under a name that is no family's."""
    families = methods_of(Signal)
    if len(value) != 1:
        raise UnknownName("signal", name, families, where=where)
    ((family, options),) = value.items()
    if family not in families:
        if isinstance(options, Mapping):
            raise UnknownName("signal", str(family), families, where=f"{where}: {name}")
        raise UnknownName("signal", name, families, where=where)
    if not isinstance(options, Mapping):
        raise BadRecipe(f"{where}: {name}: {family}: expected options, found {options!r}")
    return family, options
