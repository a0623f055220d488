"""Pages with text and images in their order, as OBELICS has them: two lists of one length.

H. Laurençon et al. OBELICS: An Open Web-Scale Filtered Dataset of Interleaved Image-Text Documents. NeurIPS 2023.
https://arxiv.org/abs/2306.16527
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from cupel.corpus.cells import MediaCell
from cupel.corpus.layouts.layout import Form, Layout
from cupel.corpus.layouts.pages import image_part, image_value, page_losses
from cupel.corpus.layouts.turns import Turn, part
from cupel.corpus.parts import Part
from cupel.corpus.records import BadRow

__all__ = ["Obelics"]


class Obelics(Layout):
    """`texts` and `images`: lists of one length, of which one holds null where the other has something.

    An image is an address, or a cell with bytes. A place where both are null stays. Lists that are aligned with
    these two, such as `metadata`, are other fields; an edit that removes a part does not change them.
    """

    name = "obelics"
    required = ("images", "texts")

    def holds(self, row: Mapping[str, Any]) -> bool:
        images, texts = row["images"], row["texts"]
        return (
            isinstance(images, list)
            and isinstance(texts, list)
            and all(text is None or isinstance(text, str) for text in texts)
            and all(image is None or isinstance(image, str | dict | MediaCell) for image in images)
        )

    def fields(self, row: Mapping[str, Any]) -> list[str]:
        return list(self.required)

    def read(self, row: Mapping[str, Any]) -> tuple[list[Part], Form]:
        if not self.holds(row):
            raise BadRow("not-interleaved", "'texts' and 'images' are not lists of texts and of images")
        images, texts = row["images"], row["texts"]
        if len(images) != len(texts):
            detail = (
                f"'texts' has {len(texts)} places and 'images' {len(images)}; each place is one or the other"
            )
            raise BadRow("not-interleaved", detail)
        if not texts:
            raise BadRow("no-parts", "'texts' and 'images' are empty lists")
        parts = []
        for place, (image, text) in enumerate(zip(images, texts, strict=True)):
            if isinstance(image, MediaCell) and image.media is None:
                image = None
            if image is not None and text is not None:
                raise BadRow("not-interleaved", f"place {place} has both a text and an image")
            if image is not None:
                parts.append(image_part(image, f"'images[{place}]'", {}))
            elif text is not None:
                parts.append(Part("text", None, text))
            else:
                parts.append(part("data", None, None, {"place": None}))
        return parts, {}

    def write(self, parts: Sequence[Part], form: Form) -> dict[str, Any]:
        return {
            "images": [image_value(part) for part in parts],
            "texts": [part.text if part.kind == "text" else None for part in parts],
        }

    def write_new(self, parts: Sequence[Part]) -> dict[str, Any]:
        about = [part.details.get("info") for part in parts]
        row = self.write(parts, {})
        return row | {"metadata": orjson.dumps(about).decode()} if any(about) else row

    def losses(self, turns: Sequence[Turn]) -> list[str]:
        return page_losses(turns)
