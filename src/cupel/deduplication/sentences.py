"""Removal of runs of sentences that occurred before, in the same document or any other."""

from __future__ import annotations

from pydantic import Field

from cupel.contract import Paper
from cupel.deduplication.copies.seen import Compared, SeenUnits
from cupel.deduplication.copies.spans import SpanOptions

__all__ = ["Sentences"]


class Sentences(SeenUnits):
    r"""Runs of three sentences that occurred before, anywhere in the corpus.

    A press release stands on a hundred pages, each with a beginning of its own. C4 (Raffel et al. 2020)
    keeps one occurrence of every span of three sentences and removes the others: passages go, and single
    sentences that recur by chance ("Thank you for reading.") stay.

    A document of m sentences has m − 2 runs of three, which overlap. A run is a copy when an equal one
    came before, in an earlier document or earlier in the same; all sentences of a copied run are removed, with the
    white space behind them. A document of fewer than three sentences is left as it is.

    **Sentences** are cut as spaCy's rules cut them (see `sentence_count` of `counts`). A line end alone does not
    end a sentence: a menu without full stops is part of the sentence that follows it. Remove such lines
    first (`c4-lines`), or compare `lines`.

    **Equal** are runs whose normalized sentences are equal: Unicode form C, without invisible characters, white
    space collapsed and, with `normalize`, without regard to case and punctuation (symbols count). C4's code
    ignores case; datatrove's `SentenceDedup` also ignores punctuation, accents and which number it is.

    **What the paper did.** The published code of C4 compares single lines instead of three sentences
    (`lines: {normalize: true}` is close to it), and keeps the line of a page picked by a hash, where the first
    document is kept here. Both C4's code and datatrove then drop pages of which too little is left; here a
    rule does that, after this step:

    ```yaml
    - sentences: {normalize: true}
    - counts
    - where: sentence_count >= 3 and word_count >= 50
    ```

    Hashes have 64 bits (the upper half of XXH3-128 of the hashes of the sentences): among a hundred million
    different runs the chance that any two are taken for equal is 3 in 10,000.

    **Memory.** The first document of every distinct hash is held, 40 bytes each. Where that is
    more than the available memory, the hashes are processed in as many ranges as needed, with
    the same result.

    Examples
    --------
    >>> import pyarrow as pa
    >>> text = pa.array(["Ein Café. In 東京! Open at nine. Closed.", "We ate. Ein Café.\nIn 東京!  Open at nine."])
    >>> runs = Sentences().sketch(text).column("units").to_pylist()
    >>> [len(row) for row in runs], runs[0][0] == runs[1][1]
    ([2, 2], True)
    """

    name = "sentences"
    papers = (
        Paper(
            title="Exploring the Limits of Transfer Learning with a Unified Text-to-Text Transformer",
            authors="Raffel et al.",
            year=2020,
            url="https://jmlr.org/papers/v21/20-074.html",
            section="2.2 The Colossal Clean Crawled Corpus",
        ),
    )
    cost = (
        "Sketch: about 280 MB/s per core, with `normalize` 28. 40 bytes of memory per distinct run of sentences, 24 bytes "
        "of disk per run."
    )
    limits = (
        "Quotations, verses and standard clauses go with the copies. What stays depends on the order of documents: "
        "the first copy is not always the best one. A document that says the same sentence over and over keeps fewer "
        "of them than a run has, since later runs overlap the first. Sentences are cut by the rules of English."
    )

    class Options(SpanOptions):
        """How many sentences a run has, and which runs count."""

        sentences: int = Field(
            3, ge=1, le=100, description="How many sentences in a row are compared as one."
        )
        min_characters: int = Field(
            1,
            ge=1,
            description="Shorter runs never count; white space around sentences is not counted, and an ideograph, a "
            "Kana or a Hangul syllable counts as three characters.",
        )
        normalize: bool = Field(
            False,
            description="Ignore case and punctuation, as datatrove does (it also ignores accents and digits).",
        )

    options: Options

    @property
    def compared(self) -> Compared:
        options = self.options
        run = options.sentences
        name = "sentences" if run == 1 else f"runs of {run} sentences"
        return Compared(name, "sentence", options.normalize, options.min_characters, run)
