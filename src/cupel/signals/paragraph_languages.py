"""Which languages the paragraphs of a document are written in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cupel.contract import Column, Method, Signal
from cupel.signals._paragraphs import DOLMA, ParagraphOptions, Paragraphs, model_path

__all__ = ["ParagraphLanguages"]


class ParagraphLanguages(Signal):
    """Languages by paragraph: the main language's share of the text, and the second language.

    A page in two languages has a single label for the whole (`language-id`), often with a high confidence: a German
    article under English navigation, a forum with quotations, a translation beside its original. This signal identifies
    each paragraph by itself, as Dolma's paragraph taggers do. Paragraphs are lines.

    A paragraph has a language if it has at least `min_characters` characters and the model is certain of it by
    `min_confidence`. The main language is the one with the most bytes of such paragraphs (of several, the first in the
    alphabet); all other paragraphs, short ones and headings above all, are taken for paragraphs in it. So

        main_language_fraction = 1 − bytes of paragraphs in other languages / bytes of all paragraphs

    A document without a single paragraph that has a language has no main language and no fractions (null), and 0
    languages. The value of a paragraph depends on nothing beside it.

    Examples
    --------
    >>> import pyarrow as pa
    >>> german = "Das Café am Marktplatz hat am Sonntag leider geschlossen, öffnet aber am Montag wieder."
    >>> french = "Les habitants de la ville ont appris que le café de la place du marché serait fermé le dimanche."
    >>> text = f"Café\\n{german}\\n{german}\\n{french}"
    >>> measured = ParagraphLanguages().measure(pa.record_batch({"text": [text, "東京"]}))
    >>> measured["main_language"].to_pylist(), measured["second_language"].to_pylist()
    (['de', None], ['fr', None])
    >>> measured["language_count"].to_pylist(), round(measured["main_language_fraction"][0].as_py(), 2)
    ([2, 0], 0.65)
    """

    name = "paragraph-languages"
    papers = (DOLMA,)
    files = ("model",)
    cost = "as `language-id`, and a cut at line breaks"
    limits = (
        "Lines of code, tables and lists of names get labels, some with confidence. Close relatives (Norwegian and Danish, "
        "Serbian and Croatian) count as two languages where the model wavers between them."
    )
    columns: ClassVar[Mapping[str, Column]] = {
        "main_language": Column(
            pa.large_string(), "label", "the language of most of the text", plural="languages"
        ),
        "main_language_fraction": Column(
            pa.float64(), "fraction", "share of the text's bytes outside of paragraphs in other languages"
        ),
        "language_count": Column(
            pa.int64(), "languages", "languages that at least one paragraph is written in"
        ),
        "second_language": Column(
            pa.large_string(), "label", "the language of most of the rest", plural="languages"
        ),
        "second_language_fraction": Column(
            pa.float64(), "fraction", "share of the text's bytes in the second language; 0 if there is none"
        ),
    }

    class Options(ParagraphOptions):
        """Which paragraphs have a language."""

    options: Options

    def __init__(self, options: Method.Options | None = None) -> None:
        super().__init__(options)
        if self.options.model is not None:
            model_path(self, self.options.model)

    def measure(self, documents: pa.RecordBatch) -> pa.RecordBatch:
        paragraphs = Paragraphs(documents.column("text"), self.options, *model_path(self, self.options.model))
        sizes, total = paragraphs.language_sizes, np.maximum(paragraphs.total_sizes, 1)
        documents_in_order = np.arange(len(sizes))
        main = sizes.argmax(1)
        main_size = sizes[documents_in_order, main]
        others = sizes.copy()
        others[documents_in_order, main] = 0
        second = others.argmax(1)
        second_size = others[documents_in_order, second]
        labels = pa.array(paragraphs.labels or [""], pa.large_string())
        nothing = main_size == 0
        return pa.RecordBatch.from_arrays(
            [
                labels.take(pa.array(main, mask=nothing)),
                pa.array(1 - others.sum(1) / total, mask=nothing),
                pa.array((sizes > 0).sum(1), pa.int64()),
                labels.take(pa.array(second, mask=second_size == 0)),
                pc.cast(pa.array(second_size / total, mask=nothing), pa.float64()),
            ],
            list(self.columns),
        )
