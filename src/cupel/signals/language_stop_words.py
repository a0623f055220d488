"""Stop words of the language that each document is written in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from cupel.contract import Column, Paper, Signal
from cupel.signals._columns import GOPHER, Segmentation
from cupel.signals.language import Language

__all__ = ["LanguageStopWords", "stop_words_by_language"]

UNSPACED = frozenset({"zh", "ja", "th", "lo", "km", "my", "bo", "wuu", "yue"})
"""Languages written without spaces, whose words are looked for anywhere in the text."""


class LanguageStopWords(Signal):
    """Stop words of each document's own language.

    The language is the one that `language-id` gives, with the same model. `language_stop_word_count` is how many
    different stop words of that language occur, `language_stop_word_fraction` the share of all words that are on its
    list. Gopher asks for two of eight English words; FineWeb2 asks for two of each language's own, because coherent
    text of any language has some: menus, tables, wrongly decoded bytes and text of another language have not.

    The lists are those of stopwords-iso, 58 languages, compared with the lower-cased words of the text. Chinese,
    Japanese, Thai, Lao, Khmer, Burmese and Tibetan are written without spaces: there is no dictionary here to cut them
    into words, so their stop words are looked for anywhere in the text, and the fraction is null. Both columns are null
    where there is no list for the language, or no language.

    Examples
    --------
    >>> import pyarrow as pa
    >>> texts = ["Das Café hat am Sonntag geschlossen, und der Hund ist müde.", "東京は日本の首都です。"]
    >>> measured = LanguageStopWords().measure(pa.record_batch({"text": texts}))
    >>> measured["language_stop_word_count"].to_pylist()
    [6, 4]
    """

    name = "language-stop-words"
    papers = (
        GOPHER,
        Paper(
            "FineWeb2: One Pipeline to Scale Them All -- Adapting Pre-Training Data Processing to Every Language",
            "Penedo et al.",
            2025,
            "https://arxiv.org/abs/2506.20920",
            section="4.3",
        ),
    )
    cost = "identifies the language, then one pass over the words"
    limits = (
        "The lists differ in length (29 words of Zulu, 1,200 of English and Breton), so counts of two languages do not "
        "compare. "
        "A wrong label looks for the wrong words, which is what makes it a check of the label."
    )
    columns: ClassVar[Mapping[str, Column]] = {
        "language_stop_word_count": Column(
            pa.int64(), "words", "how many different stop words of the document's language occur"
        ),
        "language_stop_word_fraction": Column(
            pa.float64(), "fraction", "share of words that are stop words of the document's language"
        ),
    }

    class Options(Language.Options):
        """Which language model, and how text is cut into words."""

        segmentation: Segmentation = Field("prose", description="as for `counts`")

    options: Options
    files = ("model",)

    def measure(self, documents: pa.RecordBatch) -> pa.RecordBatch:
        options = self.options
        identify = Language(Language.Options(**options.model_dump(exclude={"segmentation"})))
        languages = identify.measure(documents).column("language")
        text = documents.column("text")
        counts = np.full(len(text), -1, np.int64)
        fractions = np.full(len(text), np.nan)
        for language in pc.unique(languages).drop_null().to_pylist():
            words = stop_words_by_language().get(language)
            if words is None:
                continue
            rows = np.flatnonzero(
                pc.equal(languages, language).fill_null(False).to_numpy(zero_copy_only=False)
            )
            own = text.take(pa.array(rows))
            if language in UNSPACED:
                counts[rows] = _occurring(own, words)
            else:
                counts[rows], fractions[rows] = _words(own, words, options.segmentation)
        return pa.RecordBatch.from_pydict(
            {
                "language_stop_word_count": pa.array(counts, mask=counts < 0),
                "language_stop_word_fraction": pa.array(fractions, mask=np.isnan(fractions)),
            }
        )


def _occurring(text: pa.Array, words: Sequence[str]) -> list[int]:
    """How many of the words each text holds anywhere."""
    return [sum(word in value for word in words) for value in text.to_pylist()]


def _words(
    text: pa.Array, words: Sequence[str], segmentation: str
) -> tuple[np.ndarray[tuple[int], np.dtype[np.int64]], np.ndarray[tuple[int], np.dtype[np.float64]]]:
    """How many different stop words occur as words of each text, and the share of words that they are."""
    from cupel import _kernels

    names = ["stop_word_count", "stop_word_fraction"]
    lower = pc.utf8_lower(text)
    measured = pa.record_batch(
        _kernels.measure(lower, names, segmentation=segmentation, stop_words=list(words))
    )
    return measured.column(names[0]).to_numpy(), measured.column(names[1]).to_numpy()


@cache
def stop_words_by_language() -> Mapping[str, tuple[str, ...]]:
    """The shipped lists by ISO 639-1 code.

    >>> "und" in stop_words_by_language()["de"], len(stop_words_by_language())
    (True, 58)
    """
    text = (files("cupel.signals") / "stop_words_iso.tsv").read_text(encoding="utf-8")
    rows = (line.split("\t") for line in text.splitlines() if line and not line.startswith("#"))
    return {language: tuple(words) for language, *words in rows}
