"""Stop words: words that no prose does without."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field, field_validator

from cupel.contract import Column
from cupel.signals._columns import GOPHER, REDPAJAMA, WordSignal, count, fraction
from cupel.signals._stop_word_lists import STOP_WORDS

__all__ = ["StopWords"]


class StopWords(WordSignal):
    """Stop words of a language.

    `stop_word_count` is how many different words of the list occur, compared as written;
    `stop_word_fraction` is the share of all words that are on the list. RedPajama-V2's share is
    over the words of the normalized text (see `redpajama-words`).

    The English list is Gopher's eight: the, be, to, of, and, that, have, with. Gopher asks for
    two of them. The lists of other languages are their most frequent function words, about
    twenty each; ask for as many of them as the language needs.

    Examples
    --------
    >>> import pyarrow as pa
    >>> texts = pa.record_batch({"text": ["The end of the café, and the rest", "das Ende und der Anfang"]})
    >>> StopWords().measure(texts)["stop_word_count"].to_pylist()
    [3, 0]
    >>> StopWords.from_options({"language": "de"}).measure(texts)["stop_word_count"].to_pylist()
    [0, 3]
    """

    name = "stop-words"
    papers = (GOPHER, REDPAJAMA)
    cost = "one pass over the words; see benchmarks/signals.py"
    limits = (
        "Lists, tables and code have few. 'The' is not 'the': give your own list where case is to be ignored."
    )
    columns: ClassVar[Mapping[str, Column]] = {
        "stop_word_count": count("words", "how many different stop words occur"),
        "stop_word_fraction": fraction("share of words that are stop words"),
        "normalized_stop_word_fraction": fraction(
            "share of normalized words that are stop words (rps_doc_stop_word_fraction)"
        ),
    }

    class Options(WordSignal.Options):
        """Which stop words."""

        language: str = Field("en", description=f"a shipped list: one of {', '.join(sorted(STOP_WORDS))}")
        words: tuple[str, ...] | None = Field(
            None, min_length=1, description="a list of your own, instead of the shipped one"
        )

        @field_validator("language")
        @classmethod
        def _known(cls, language: str) -> str:
            if language not in STOP_WORDS:
                raise ValueError(f"there are lists for {', '.join(sorted(STOP_WORDS))}")
            return language

    options: StopWords.Options

    def kernel_options(self) -> dict[str, Any]:
        words = self.options.words
        chosen = STOP_WORDS[self.options.language] if words is None else words
        return super().kernel_options() | {"stop_words": list(chosen)}
