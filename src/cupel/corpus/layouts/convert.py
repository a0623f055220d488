"""Rows to parts, parts to the same rows, and rows of one layout to rows of another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cupel.corpus.layouts.catalog import all_layouts, find_layout, fitting_layouts, layout_of_row
from cupel.corpus.layouts.layout import Layout
from cupel.corpus.layouts.turns import Turn, part, turns_of
from cupel.corpus.parts import LAYOUT, Part, details_json
from cupel.corpus.records import BadRow
from cupel.errors import BadInput, LossyConversion

__all__ = ["convert", "frame_of", "read_row", "write_as", "write_row"]


def read_row(
    row: Mapping[str, Any], layout: Layout, about: Mapping[str, Any] | None = None
) -> tuple[list[Part], dict[str, Any]]:
    """The parts of a row that has the layout's fields, and its other fields.

    Parameters
    ----------
    about
        What else the first part should say.

    Raises
    ------
    BadRow
        The fields do not hold what the layout says.

    Examples
    --------
    >>> row = {"instruction": "Translate.", "input": "東京", "output": "Tokyo", "lang": "ja"}
    >>> parts, others = read_row(row, find_layout("alpaca"))
    >>> [(part.kind, part.role, part.text) for part in parts[1:]], others
    ([('text', 'user', 'Translate.'), ('text', 'user', '東京'), ('text', 'assistant', 'Tokyo')], {'lang': 'ja'})
    >>> write_row(parts, others) == row
    True
    """
    own = layout.fields(row)
    parts, form = layout.read(row)
    others = {name: value for name, value in row.items() if name not in own}
    frame: dict[str, Any] = {"layout": layout.name, "fields": list(row)}
    if form:
        frame["form"] = form
    return [part(LAYOUT, None, None, frame | dict(about or {})), *parts], others


def write_row(parts: Sequence[Part], others: Mapping[str, Any]) -> dict[str, Any]:
    """The row that parts and other fields came from, its fields in their order.

    Fields that it did not have come last; those that `others` lacks are left out.

    Raises
    ------
    BadInput
        The first part does not say which layout the parts are in.
    """
    frame = frame_of(parts)
    own = find_layout(frame["layout"]).write(parts[1:], frame.get("form", {}))
    row: dict[str, Any] = {}
    for name in frame["fields"]:
        if name in own or name in others:
            row[name] = own[name] if name in own else others[name]
    more = {name: value for name, value in own.items() if value is not None} | dict(others)
    return row | {name: value for name, value in more.items() if name not in row}


def frame_of(parts: Sequence[Part]) -> dict[str, Any]:
    """What the first part says: the `layout`, the `fields` of the row, and what else it needs.

    Raises
    ------
    BadInput
        The first part is of another kind.
    """
    if not parts or parts[0].kind != LAYOUT:
        raise BadInput(
            "the first part of a document must be of kind 'layout': it says how to write the others"
        )
    return parts[0].details


def convert(row: Mapping[str, Any], to: str, *, layout: str | None = None) -> dict[str, Any]:
    """A row in another layout: the same turns, roles, texts and other fields.

    How roles and marks of turns are spelled, and in what order fields stand, is up to the new layout.

    Parameters
    ----------
    to
        The name of the new layout.
    layout
        The name of the row's own; by default it is recognized by the fields.

    Raises
    ------
    BadInput
        The row is in no layout, or not in the one named.
    LossyConversion
        The new layout has no room for something that the row holds.
    UnknownName
        No layout has this name.

    Examples
    --------
    >>> convert({"prompt": "東京?", "completion": "A city.", "id": 7}, to="messages")["messages"]
    [{'role': 'user', 'content': '東京?'}, {'role': 'assistant', 'content': 'A city.'}]
    >>> convert({"prompt": "東京?", "completion": "A city."}, to="hh-rlhf")
    Traceback (most recent call last):
    ...
    cupel.errors.LossyConversion: the layout 'hh-rlhf' cannot hold a row that has no pair of answers
    """
    target = find_layout(to)
    try:
        source = find_layout(layout) if layout else layout_of_row(row, fitting_layouts(row))
        if source is None or not source.has(row):
            names = ", ".join(list(map(str, row))[:20])
            raise BadInput(
                f"a row with the fields {names} is in no layout; there are: {', '.join(all_layouts())}"
            )
        parts, others = read_row(row, source)
    except BadRow as bad:
        raise BadInput(f"the row cannot be converted: {bad.detail}") from None
    if target is source:
        return dict(row)
    return write_as(parts, others, target)


def write_as(parts: Sequence[Part], others: Mapping[str, Any], target: Layout) -> dict[str, Any]:
    """Parts, which came in another layout, and other fields as a row of this one.

    Raises
    ------
    LossyConversion
        It has no room for something.
    """
    plain = [each for turn in turns_of(parts[1:]) for each in _plain(turn)]
    losses = target.losses(turns_of(plain))
    if losses:
        raise LossyConversion(target.name, sorted(set(losses)))
    own = target.write_new(plain)
    twice = [name for name in own if name in others]
    if twice:
        raise LossyConversion(target.name, [f"another field of the name '{twice[0]}'"])
    return own | dict(others)


_KEPT = ("turn", "branch", "continues", "item", "content", "info")


def _plain(turn: Turn) -> list[Part]:
    """The parts of a turn without what only its own layout needs."""
    parts = []
    for each in turn.parts:
        details = {name: value for name, value in each.details.items() if name in _KEPT}
        empty = each.kind == "text" and not each.text and details == {"continues": True}
        if not empty:
            parts.append(each._replace(extra=details_json(details)))
    if len(parts) == 1 and parts[0].kind == "text":
        details = parts[0].details
        if details.get("item", 0) in (None, {"type": "text", "text": None}):
            # A list of one text says what the text says.
            del details["item"]
            parts = [parts[0]._replace(extra=details_json(details))]
    return parts
