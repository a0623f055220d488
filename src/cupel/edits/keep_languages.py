"""Paragraphs in other languages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pydantic import Field, field_validator

from cupel.contract import Column, Edit, Edited, Method
from cupel.errors import UnknownName
from cupel.signals._paragraphs import DOLMA, ParagraphOptions, Paragraphs, model_path
from cupel.signals.language import language_model

__all__ = ["KeepLanguages"]


class KeepLanguages(Edit):
    r"""Paragraphs in other languages removed.

    Keeps the paragraphs of a document that are in one of `languages`, or, without that option, in the document's main
    language. Paragraphs are lines, and their languages those of the signal `paragraph-languages`: only a paragraph of at
    least `min_characters` characters whose language is certain by `min_confidence` can be removed. Short paragraphs, such
    as headings, captions and names, are always kept. Blank lines around what was removed become those of one gap.

    A document of which all paragraphs are in other languages becomes empty; a rule on length drops it.

    Examples
    --------
    >>> import pyarrow as pa
    >>> german = "Das Café am Marktplatz hat am Sonntag leider geschlossen, öffnet aber am Montag wieder."
    >>> french = "Les habitants de la ville ont appris que le café de la place du marché serait fermé le dimanche."
    >>> edited = KeepLanguages().edit(pa.record_batch({"text": [f"東京\n{german}\n\n{french}\n\n{german}"]}))
    >>> edited.text[0].as_py() == f"東京\n{german}\n\n{german}", edited.columns["other_language_paragraphs"].to_pylist()
    (True, [1])
    """

    name = "keep-languages"
    papers = (DOLMA,)
    files = ("model",)
    cost = "as `language-id`, and a cut at line breaks"
    limits = (
        "Quotations and examples in another language go, which hurts texts about languages, and verse and dialogue in two. "
        "Lines of code and tables get labels, some with confidence. Name close relatives together: `[da, no, nn]`."
    )
    columns: ClassVar[Mapping[str, Column]] = {
        "other_language_paragraphs": Column(pa.int64(), "paragraphs", "paragraphs removed"),
        "other_language_fraction": Column(
            pa.float64(), "fraction", "share of the bytes of all paragraphs that these had"
        ),
    }

    class Options(ParagraphOptions):
        """Which paragraphs are removed."""

        languages: tuple[str, ...] = Field(
            (),
            description="languages to keep, as the model's labels; by default the main language of each document",
        )
        min_confidence: float = Field(
            0.8, ge=0, le=1, description="a paragraph whose language is less certain than this is kept"
        )

        @field_validator("languages", mode="before")
        @classmethod
        def _one_or_many(cls, value: object) -> object:
            return (value,) if isinstance(value, str) else value

    options: Options

    def __init__(self, options: Method.Options | None = None) -> None:
        super().__init__(options)
        if self.options.model is not None:
            model_path(self, self.options.model)
        if self.options.languages:
            known = language_model(*model_path(self, self.options.model)).labels
            for language in self.options.languages:
                if language not in known:
                    raise UnknownName("language", language, known, where=f"{self.name}: option 'languages'")

    def edit(self, documents: pa.RecordBatch) -> Edited:
        text = documents.column("text")
        paragraphs = Paragraphs(text, self.options, *model_path(self, self.options.model))
        removed = (paragraphs.languages >= 0) & ~self._wanted(paragraphs)
        counts = np.bincount(paragraphs.rows[removed], minlength=len(text))
        sizes = np.bincount(paragraphs.rows[removed], paragraphs.sizes[removed], minlength=len(text))
        columns = {
            "other_language_paragraphs": pa.array(counts, pa.int64()),
            "other_language_fraction": pa.array(sizes / np.maximum(paragraphs.total_sizes, 1)),
        }
        changed = np.flatnonzero(counts)
        if not len(changed):
            return Edited(text, columns)
        texts = text.to_pylist()
        starts = np.searchsorted(paragraphs.rows, changed)
        ends = np.searchsorted(paragraphs.rows, changed, side="right")
        for row, start, end in zip(changed.tolist(), starts.tolist(), ends.tolist(), strict=True):
            lines = paragraphs.texts.slice(start, end - start).to_pylist()
            texts[row] = without(lines, removed[start:end])
        return Edited(pa.array(texts, pa.large_string()), columns)

    def _wanted(self, paragraphs: Paragraphs) -> npt.NDArray[np.bool_]:
        """The paragraphs in the languages to keep; the result for those without a language is arbitrary."""
        if not self.options.languages:
            main = paragraphs.language_sizes.argmax(1)
            wanted: npt.NDArray[np.bool_] = paragraphs.languages == main[paragraphs.rows]
            return wanted
        kept = [place for place, label in enumerate(paragraphs.labels) if label in self.options.languages]
        return np.isin(paragraphs.languages, kept)


def without(lines: list[str], removed: npt.NDArray[np.bool_]) -> str:
    r"""Lines without some of them, whose blank neighbors become one gap.

    >>> without(["Café", "", "x", "", "", "東京", "y"], np.array([0, 0, 1, 0, 0, 0, 1], bool))
    'Café\n\n東京'
    """
    kept: list[str] = []
    in_gap = False  # since the last line that was kept and is not blank, one was removed
    for line, is_removed in zip(lines, removed.tolist(), strict=True):
        if is_removed:
            in_gap = True
        elif line.strip():
            kept.append(line)
            in_gap = False
        elif not (in_gap and (not kept or not kept[-1].strip())):
            kept.append(line)
    if in_gap:
        while kept and not kept[-1].strip():
            kept.pop()
    return "\n".join(kept)
