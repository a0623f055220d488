"""Pages with text and images in their order, as Multimodal C4 has them: sentences, and images matched with them.

W. Zhu et al. Multimodal C4: An Open, Billion-scale Corpus of Images Interleaved With Text. NeurIPS 2023.
https://arxiv.org/abs/2304.06939
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cupel.corpus.layouts.layout import Form, Layout
from cupel.corpus.layouts.pages import image_part, page_losses
from cupel.corpus.layouts.turns import Turn
from cupel.corpus.parts import Part
from cupel.corpus.records import BadRow

__all__ = ["MMC4"]

_MATCH = "matched_text_index"


class MMC4(Layout):
    """`text_list`, and `image_info`: objects with `raw_url`, `image_name` and `matched_text_index`.

    An image comes before the text that it is matched with, and after all texts if it is matched with none. A list
    `similarity_matrix` is one of the row's other fields; an edit that removes a text does not change it.
    """

    name = "mmc4"
    required = ("text_list", "image_info")

    def fields(self, row: Mapping[str, Any]) -> list[str]:
        return list(self.required)

    def read(self, row: Mapping[str, Any]) -> tuple[list[Part], Form]:
        texts, images = row["text_list"], row["image_info"]
        if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
            raise BadRow("not-interleaved", "'text_list' is no list of texts")
        if not isinstance(images, list) or not all(isinstance(image, dict) for image in images):
            raise BadRow("not-interleaved", "'image_info' is no list of objects")
        if not texts and not images:
            raise BadRow("no-parts", "'text_list' and 'image_info' are empty lists")
        before: dict[int, list[Part]] = {}
        for number, info in enumerate(images):
            match = info.get(_MATCH)
            matched = type(match) is int and 0 <= match < len(texts)
            address = info.get("raw_url") or info.get("image_name")
            where = f"'image_info[{number}]'"
            if not isinstance(address, str):
                raise BadRow("not-interleaved", f"{where} has neither 'raw_url' nor 'image_name'")
            shown = image_part(address, where, {"info": info, "number": number})
            before.setdefault(match if matched else len(texts), []).append(shown)
        parts: list[Part] = []
        for place, text in enumerate(texts):
            parts += [*before.get(place, []), Part("text", None, text)]
        return parts + before.get(len(texts), []), {}

    def write(self, parts: Sequence[Part], form: Form) -> dict[str, Any]:
        texts = [part.text for part in parts if part.kind == "text"]
        place = 0
        images: list[tuple[int, dict[str, Any]]] = []
        for part in parts:
            if part.kind == "text":
                place += 1
                continue
            details = part.details
            info = details.get("info") or _new_info(part)
            match = info.get(_MATCH)
            # One after all texts keeps its match, unless that would bring it before one of them.
            brought_back = isinstance(match, int) and 0 <= match < len(texts)
            if place < len(texts) or (texts and brought_back):
                info = info | {_MATCH: min(place, len(texts) - 1)}
            images.append((details.get("number", len(images)), info))
        return {
            "text_list": texts,
            "image_info": [info for _, info in sorted(images, key=lambda item: item[0])],
        }

    def losses(self, turns: Sequence[Turn]) -> list[str]:
        return page_losses(turns, cells=False)


def _new_info(part: Part) -> dict[str, Any]:
    address = part.media.uri if part.media else None
    return {"image_name": str(address).rsplit("/", 1)[-1], "raw_url": address}
