"""Listed words by how severe they are."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import ClassVar

import numpy as np
import pyarrow as pa
from pydantic import Field

from cupel.contract import Column, Method, Paper, Signal
from cupel.errors import BadInput, BadOption
from cupel.signals._columns import count, real

__all__ = ["Toxicity"]

HIGHEST = 9


class Toxicity(Signal):
    """Toxic words of a list, each with its severity.

    A list of bad words (`bad-words`) does not tell a mild curse from a slur. Here each entry has a severity, a whole number
    from 1 to 9; a document has the highest of its entries, and a rate:

        toxic_words_per_thousand = 1000 · Σ severity of each occurrence / words

    The file has one entry per line, a word or a phrase, with its severity after a tab; 1 without one. Entries are found
    as `bad-words` finds them. Keep documents by a rule, such as `where: "toxic_severity < 3"`: what is dropped has the
    severity as its reason in the ledger. Lists miss most of what is toxic and hit much that is not; beside them, a
    classifier (`classifier-score` of what `cupel fit quality-classifier` learned from labeled text) and a guard model
    (`guard`) judge whole texts.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> file = pathlib.Path(tempfile.mkdtemp()) / "words.tsv"
    >>> _ = file.write_text("darn\\t1\\nschöner mist\\t3\\n", "utf-8")
    >>> signal = Toxicity.from_options({"path": str(file)})
    >>> signal.measure(pa.record_batch({"text": ["Darn! Schöner Mist im Café.", "東京"]}))["toxic_severity"].to_pylist()
    [3, 0]
    """

    name = "toxicity"
    papers = (
        Paper(
            title="AutoPureData: Automated Filtering of Undesirable Web Data to Update LLM Knowledge",
            authors="Vadlapati",
            year=2024,
            url="https://arxiv.org/abs/2406.19271",
        ),
        Paper(
            title="Documenting Large Webtext Corpora: A Case Study on the Colossal Clean Crawled Corpus",
            authors="Dodge et al.",
            year=2021,
            url="https://arxiv.org/abs/2104.08758",
            section="5, what lists of words remove",
        ),
    )
    files = ("path",)
    cost = "A search for all entries at once, for each severity that the list has."
    limits = "A list knows no context: it hits medical texts, place names, and texts of and about minorities."
    columns: ClassVar[Mapping[str, Column]] = {
        "toxic_severity": count(
            "severity", "the highest severity of a listed word in the text, 0 if it has none"
        ),
        "toxic_words_per_thousand": real(
            "severity per 1000 words", "severities of all occurrences, by words"
        ),
    }

    class Options(Method.Options):
        """Which words."""

        path: str = Field(
            "", description="A UTF-8 text file: one word or phrase per line, a tab, and its severity, 1 to 9."
        )

    options: Options

    def measure(self, documents: pa.RecordBatch) -> pa.RecordBatch:
        """The severity of each text.

        Raises
        ------
        BadOption
            No list is named.
        BadInput
            It cannot be read, or a severity is no number from 1 to 9.
        """
        from cupel import _kernels

        path = self.options.path
        if not path:
            raise BadOption(
                f"{self.name}: give option 'path': a file with one word or phrase per line and its severity"
            )
        text = documents.column("text")
        highest = np.zeros(len(text), np.int64)
        total = np.zeros(len(text), np.int64)
        for severity, words in _read(path, self.file_digests.get(path, "")):
            measured = pa.record_batch(_kernels.measure(text, ["bad_word_count"], bad_words=list(words)))
            counts = measured.column(0).fill_null(0).to_numpy(zero_copy_only=False)
            highest = np.where(counts > 0, np.maximum(highest, severity), highest)
            total += severity * counts
        counted = pa.record_batch(_kernels.measure(text, ["word_count"], segmentation="whitespace")).column(0)
        words_of = np.maximum(counted.fill_null(0).to_numpy(zero_copy_only=False), 1)
        return pa.record_batch(
            [pa.array(highest), pa.array(1000 * total / words_of)], names=list(self.columns)
        )


@cache
def _read(path: str, digest: str) -> tuple[tuple[int, tuple[str, ...]], ...]:
    """The words of each severity, of a file with this content."""
    try:
        lines = Path(path).read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"toxicity: cannot read the list {path}: {error}") from None
    by_severity: dict[int, dict[str, None]] = {}
    for number, line in enumerate(lines, 1):
        word, _, severity = (part.strip() for part in line.partition("\t"))
        if not word:
            continue
        if severity and not (severity.isdecimal() and 1 <= int(severity) <= HIGHEST):
            raise BadInput(
                f"toxicity: {path}, line {number}: severity is '{severity}'; expected a whole number from 1 to {HIGHEST} "
                "after the tab"
            )
        by_severity.setdefault(int(severity or 1), {})[word] = None
    if not by_severity:
        raise BadInput(f"toxicity: the list {path} has no words")
    return tuple((severity, tuple(words)) for severity, words in sorted(by_severity.items()))
