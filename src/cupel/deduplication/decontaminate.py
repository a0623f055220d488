"""Removal of documents that hold items of evaluation sets."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from cupel import _kernels
from cupel.contract import TRAINING, Acts, Clusters, Compares, Dedup, Method, Need, Paper, Resources, View
from cupel.deduplication.contamination.evaluations import EvaluationSets, read_sets
from cupel.deduplication.contamination.items import PARTS, Fields
from cupel.deduplication.contamination.report import Contaminated
from cupel.errors import BadInput

__all__ = ["Decontaminate"]

BYTES_PER_NGRAM = 64
BYTES_PER_HIT = 8


class ItemOptions(Method.Options):
    """Which evaluation sets, and which fields of theirs make an item."""

    against: tuple[str, ...] = Field(
        min_length=1,
        description="Evaluation sets: files, folders, globs or addresses of JSON, CSV or Parquet; one set per file.",
    )
    question: str | None = Field(
        None,
        description="Field of the question, if its name does not show it; then name all fields in this way.",
    )
    answer: str | None = Field(None, description="Field of the answer (text, number or letter of a choice).")
    choices: tuple[str, ...] = Field((), description="Fields of the choices.")
    passage: str | None = Field(None, description="Field of the passage that the question is about.")


class Decontaminate(Dedup):
    """Decontamination: documents that hold questions or answers of evaluation sets.

    Each evaluation item is read as a question, its answer, the other choices, and a passage. A
    document is contaminated by an item when, within a window of about twice the item's words, it
    holds at least `threshold` of the informative words of the question, the answer, the choices, or
    of all three, and at least `min_words` of them. A word is held when an n-gram over it is in the
    document. A question of fewer than `min_words` words counts only whole, and with its answer
    or its passage near (50 words); one too short for an n-gram, with its whole answer or its passage.
    A passage alone never counts: that an encyclopedia's article is in the training data gives no
    answer away (Chowdhery et al. 2022 say so of BoolQ); it is noted in the report.

    **Informative words.** Tools that flag every document with one long n-gram in common are mostly
    wrong: templates, formulas and quotations stand in items and in clean documents alike. A word
    is informative when it lies in an n-gram that is neither template (in more than `max_items`
    different questions, or in more than half of those of a small set) nor common anyway: in more than
    `common_documents` documents, or `common_fraction` of all, that hold no item with it nearly whole (80 %).
    Documents that do hold the item are not counted, so that an item leaked a thousand times stays
    informative, unless the n-gram is in over four times as many of them as the rest of the item: then it
    is an instruction or a quotation. All other n-grams count neither for nor against: the share is of informative words.

    **How.** While documents are read, the hash of every n-gram is looked up in an index of the
    evaluation n-grams, behind a bit filter that fits a processor's cache. Once all are
    read, the common n-grams are known, and only documents that still have enough n-grams of one
    item are read again, word by word. The result depends on neither the number of shards
    nor the order of documents.

    Words are cut as for `minhash` (lower case, no accents, no punctuation), numbers kept apart. In scripts without
    spaces each character is a word; `min_words` then means twice as many characters of Chinese and
    Japanese, and four times as many of Thai, Lao, Khmer and Burmese.

    **Published rules** for comparison, which the benchmark runs on the same documents: one common
    13-gram (Brown et al. 2020, appendix C; also lm-evaluation-harness); 70 % of an item's 8-grams
    (Chowdhery et al. 2022); the share of tokens in common 10-grams (Touvron et al. 2023, appendix
    A.6). The longest match and the share of an item are more informative than single n-grams (Singh et al. 2024).

    **What it gives.** The name of the best item (`set:row`), its score and the spans stand in the
    run's clusters table; the ledger says `contaminated`, by which item and how much of it; `mark`
    carries them as columns. Each file is one set; JSON (lines or array), CSV and Parquet, compressed or
    not. Rows may have any layout: names of fields, in the languages of lm-evaluation-harness's tasks, tell question, answer,
    choices and passage; other texts belong to the item unless all rows share them.

    Examples
    --------
    >>> import json, tempfile, pyarrow as pa
    >>> item = {"question": "How many legs have seven spiders and a beetle?", "answer": "62"}
    >>> with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as file:
    ...     _ = file.write(json.dumps(item)), file.flush()
    ...     method = Decontaminate.from_options({"against": [file.name]})
    ...     sketch = method.sketch(pa.array(["Q: How many legs have seven spiders and a beetle?", "No."]))
    >>> [len(hits) for hits in sketch.column("hits").to_pylist()]
    [4, 0]
    """

    name = "decontaminate"
    mechanism = "threshold"
    stages = TRAINING
    finds = "spans"
    reason = "contaminated"
    names_origin = True
    roles = ("evaluation item", "contaminated")
    papers = (
        Paper(
            title="Language Models are Few-Shot Learners",
            authors="Brown et al.",
            year=2020,
            url="https://arxiv.org/abs/2005.14165",
            section="appendix C",
        ),
        Paper(
            title="PaLM: Scaling Language Modeling with Pathways",
            authors="Chowdhery et al.",
            year=2022,
            url="https://arxiv.org/abs/2204.02311",
            section="8 Dataset Contamination",
        ),
        Paper(
            title="Llama 2: Open Foundation and Fine-Tuned Chat Models",
            authors="Touvron et al.",
            year=2023,
            url="https://arxiv.org/abs/2307.09288",
            section="A.6",
        ),
        Paper(
            title="Evaluation data contamination in LLMs: how do we measure it and (when) does it matter?",
            authors="Singh et al.",
            year=2024,
            url="https://arxiv.org/abs/2411.03923",
        ),
    )
    limits = (
        "Paraphrases and translations share few n-grams and pass. Items of few words, or made of nothing "
        "but common phrases, cannot be found; the report counts them. A source that an item was "
        "made from (a novel, for LAMBADA) holds its question and counts as contaminated."
    )

    class Options(Compares, Acts, ItemOptions):
        """Which evaluation sets, and when a document holds an item of them."""

        action: Literal["drop", "cut", "mark"] = Field(
            "drop",
            description="`drop` drops contaminated documents; `cut` removes the matched parts of items from the "
            "text; `mark` keeps all and carries item, score and spans as columns.",
        )
        ngram: int = Field(6, ge=2, le=64, description="Words in an n-gram.")
        threshold: float = Field(
            0.4, gt=0, le=1, description="Share of an item's informative words that a document must hold."
        )
        min_words: int = Field(
            10,
            ge=2,
            description="Informative words that it must hold at least; a shorter question must be there whole, "
            "with its answer near.",
        )
        max_items: int = Field(
            8,
            ge=1,
            description="An n-gram in more different questions, or in more than half of a few, is template and not "
            "searched for.",
        )
        common_documents: int = Field(
            10,
            ge=1,
            description="An n-gram in more documents that do not hold its item is common and not searched for.",
        )
        common_fraction: float = Field(
            1e-5, ge=0, le=1, description="The same as a share of all documents; the larger of both holds."
        )

    options: Options

    @property
    def limit(self) -> str:
        """The condition that documents that stay meet."""
        return f"less than {self.options.threshold:.0%} of an evaluation item"

    def _sets(self) -> EvaluationSets:
        options = self.options
        fields = Fields(options.question, options.answer, options.choices, options.passage)
        return read_sets(options.against, fields)

    def _index(self) -> _kernels.Evaluation:
        return _index(self._sets(), self.options.ngram, self.options.max_items)

    def sketch(self, text: pa.Array) -> pa.RecordBatch:
        """Columns `hits` (hashes of the evaluation n-grams in each text) and `index` (a digest of the items)."""
        index = self._index()
        digest = pa.repeat(pa.scalar(index.digest, pa.uint64()), len(text))
        return pa.RecordBatch.from_arrays([index.hits(text), digest], names=["hits", "index"])

    def need(self, documents: int, text_bytes: int) -> Need:
        """The index twice, and a few bytes per document."""
        return Need(memory_bytes=2 * BYTES_PER_NGRAM * self._index().ngrams + BYTES_PER_HIT * documents)

    def decide(self, view: View, resources: Resources) -> Clusters:
        """Documents that hold items, each with its best item, in `cluster` and `outside`."""
        options, index = self.options, self._index()
        total = 0
        strays, documents = np.zeros(index.ngrams, dtype=np.int64), np.zeros(index.ngrams, dtype=np.int64)
        for batch in self._hits(view, index):
            total += batch.num_rows
            strays += np.bincount(index.strays(batch.column("hits")).to_numpy(), minlength=index.ngrams)
            present = index.present(batch.column("hits")).to_numpy()
            documents += np.bincount(present, minlength=index.ngrams)
        # An instruction may be nearly all of an item: a document that holds it is no stray, yet holds no item.
        uneven = index.uneven(documents.tolist()).to_numpy(zero_copy_only=False)
        strays = np.where(uneven, documents, strays)
        max_strays = max(options.common_documents, options.common_fraction * total)
        left = index.without(pa.array(strays > max_strays))
        threshold, min_words = options.threshold, options.min_words
        candidates = [
            batch.column("doc").filter(
                left.candidates(batch.column("hits"), threshold=threshold, min_words=min_words)
            )
            for batch in self._hits(view, index)
        ]
        docs = pa.concat_arrays([pa.array([], pa.int64()), *(some.cast(pa.int64()) for some in candidates)])
        contaminated = Contaminated(self._sets(), view, kept=options.action != "drop")
        for batch in view.texts(docs) if len(docs) else ():
            spans, hits = left.contamination(batch.column("text"), threshold=threshold, min_words=min_words)
            contaminated.add(batch, spans, hits)
        searchable = left.searchable(threshold=threshold, min_words=min_words)
        return contaminated.clusters(index, strays, max_strays, documents=total, searchable=searchable)

    def _hits(self, view: View, index: _kernels.Evaluation) -> Iterator[pa.RecordBatch]:
        """`doc` and `hits` of all documents.

        Raises
        ------
        BadInput
            The evaluation sets changed after the texts were searched.
        """
        for batch in view.batches(["doc", "hits", "index"]):
            if pc.any(pc.not_equal(batch.column("index"), pa.scalar(index.digest, pa.uint64()))).as_py():
                raise BadInput(
                    f"decontaminate: {', '.join(self.options.against)} changed while the run went on; restart it"
                )
            yield batch


@lru_cache(maxsize=2)
def _index(sets: EvaluationSets, ngram: int, max_items: int) -> _kernels.Evaluation:
    parts = [sets.items.column(part) for part in PARTS]
    # What most questions of a small set share is their instruction.
    questions = pc.count_distinct(sets.items.column("question")).as_py()
    max_items = min(max_items, max(1, questions // 2))
    return _kernels.Evaluation(*parts, ngram=ngram, max_items=max_items)
