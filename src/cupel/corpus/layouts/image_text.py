"""Images (or sounds, or videos) in the cells of a table, with a caption in a column beside them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from cupel.corpus.layouts.layout import Form, Layout
from cupel.corpus.layouts.turns import Turn
from cupel.corpus.parts import Part
from cupel.corpus.records import BadRow

__all__ = ["CAPTIONS", "ImageText"]

CAPTIONS = ("caption", "captions")
"""Names of a caption's column, tried where no column is called like a text's."""


class ImageText(Layout):
    """A caption, a text or a list of texts, beside columns of media.

    Media of any layout are taken out of a row before (see `cupel.corpus.cells`), so this layout owns the caption
    alone. It is known by the types of columns, which only tables have.

    Parameters
    ----------
    caption
        The caption's column; the first of the usual names by default.
    """

    name = "image-text"
    required = ()

    def __init__(self, caption: str | None = None) -> None:
        self._caption = caption

    def has(self, names: Collection[str]) -> bool:
        return self._caption is not None and self._caption in names

    def fields(self, row: Mapping[str, Any]) -> list[str]:
        return [str(self._caption)]

    def read(self, row: Mapping[str, Any]) -> tuple[list[Part], Form]:
        name = str(self._caption)
        caption = row.get(name)
        if caption is None:
            raise BadRow("no-caption", f"'{name}' is null")
        captions = caption if isinstance(caption, list) else [caption]
        if not captions:
            raise BadRow("no-caption", f"'{name}' is an empty list")
        for text in captions:
            if not isinstance(text, str):
                raise BadRow("not-text", f"'{name}' holds {type(text).__name__}, not text")
        return [Part("text", None, text) for text in captions], {
            "caption": name,
            **({"list": True} if isinstance(caption, list) else {}),
        }

    def write(self, parts: Sequence[Part], form: Form) -> dict[str, Any]:
        captions = [part.text for part in parts if part.kind == "text"]
        name = form.get("caption", "text")
        return {name: captions if form.get("list") else captions[0] if captions else None}

    def losses(self, turns: Sequence[Turn]) -> list[str]:
        return ["no single caption of a medium"]  # what has one is in this layout already
