"""What layouts of pages share: images that a page shows between its texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cupel.corpus.cells import MediaCell, cell_of
from cupel.corpus.layouts.turns import Turn, part
from cupel.corpus.parts import STORED, Media, Part
from cupel.corpus.records import BadRow

__all__ = ["image_part", "image_value", "page_losses"]


def image_part(image: str | dict[str, Any] | MediaCell, where: str, details: Mapping[str, Any]) -> Part:
    """The part of an image that is named by its address, by an object with a `url` or `path`, or by a cell.

    Raises
    ------
    BadRow
        `inline-media`: it holds the image itself, as text. `not-interleaved`: it names none.
    """
    if isinstance(image, MediaCell):
        return part(image.kind, None, None, {**details, STORED: {"path": image.path}}, image.media)
    address = image if isinstance(image, str) else image.get("url") or image.get("path")
    inline = isinstance(image, dict) and (image.get("bytes") or image.get("data"))
    if inline or (isinstance(address, str) and address[:5].lower() == "data:"):
        raise BadRow(
            "inline-media",
            f"{where} holds the image itself; parts refer to media, so store it as a file and name that",
        )
    if not isinstance(address, str):
        raise BadRow("not-interleaved", f"{where} has neither 'url' nor 'path'")
    more = {"image": image} if isinstance(image, dict) else {}
    return part("image", None, None, {**details, **more}, Media(uri=address))


def image_value(shown: Part) -> str | dict[str, Any] | MediaCell | None:
    """What stands for an image in a list of images; None if the part is no image."""
    if shown.media is None:
        return None
    details = shown.details
    if STORED in details or cell_of(str(shown.media.uri)):
        return MediaCell(shown.kind, shown.media, details.get(STORED, {}).get("path"))
    value: str | dict[str, Any] | None = details.get("image", shown.media.uri)
    return value


def page_losses(turns: Sequence[Turn], *, cells: bool = True) -> list[str]:
    """What of these turns a page cannot hold."""
    losses = []
    for turn in turns:
        if turn.role is not None or turn.branch is not None:
            losses.append(f"a turn of role '{turn.role}'")
        for each in turn.parts:
            if each.kind not in ("text", "image"):
                losses.append(f"a part of kind '{each.kind}'")
            elif each.media is not None and not cells and cell_of(str(each.media.uri)):
                losses.append("an image in a cell of a table")
    return losses
