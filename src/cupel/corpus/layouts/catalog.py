"""The layouts there are, and which of them a row is in."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Collection, Mapping, Sequence
from functools import cache, lru_cache
from typing import Any

from cupel.corpus.layouts.layout import Layout
from cupel.corpus.records import BadRow
from cupel.errors import UnknownName

__all__ = ["all_layouts", "find_layout", "fitting_layouts", "layout_of_row"]


@cache
def all_layouts() -> Mapping[str, Layout]:
    """Every layout there is, by name, sorted."""
    layouts: dict[str, Layout] = {}
    package = str(__package__)
    for module in pkgutil.iter_modules(importlib.import_module(package).__path__):
        for item in vars(importlib.import_module(f"{package}.{module.name}")).values():
            if inspect.isclass(item) and issubclass(item, Layout) and "name" in vars(item):
                layouts[item.name] = item()
    return dict(sorted(layouts.items()))


def find_layout(name: str) -> Layout:
    """The layout of this name.

    Raises
    ------
    UnknownName
        There is none.
    """
    try:
        return all_layouts()[name]
    except KeyError:
        raise UnknownName("layout", name, list(all_layouts())) from None


def fitting_layouts(names: Collection[str]) -> list[Layout]:
    """The layouts that rows with fields of these names may be in."""
    return list(_fitting(tuple(names)))


@lru_cache(maxsize=256)  # nearly all rows of a file have the same fields
def _fitting(names: tuple[str, ...]) -> tuple[Layout, ...]:
    return tuple(layout for layout in all_layouts().values() if layout.has(names))


def layout_of_row(row: Mapping[str, Any], layouts: Sequence[Layout]) -> Layout | None:
    """The layout that a row is in, of those that fit its fields; None if it is in none.

    Raises
    ------
    BadRow
        `several-layouts`: its fields are those of more than one.
    """
    layouts = [layout for layout in layouts if layout.holds(row)]
    if len(layouts) > 1:
        names = ", ".join(layout.name for layout in layouts)
        raise BadRow(
            "several-layouts",
            f"the row's fields fit several layouts: {names}; name one: --layout NAME (layout=...)",
        )
    return layouts[0] if layouts else None
