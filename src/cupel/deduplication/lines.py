"""Removal of lines and paragraphs that occurred before, in the same document or any other."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from cupel.contract import Paper
from cupel.deduplication.copies.seen import Compared, SeenUnits
from cupel.deduplication.copies.spans import SpanOptions

__all__ = ["Lines"]


class Lines(SeenUnits):
    r"""Exact lines or paragraphs that occurred before, anywhere in the corpus.

    Menus, cookie notices and signatures stand on every page of a site. CCNet (Wenzek et al. 2020) and
    Dolma (Soldaini et al. 2024) remove each line of text that was seen before; the first stays.

    A **line** lies between line ends of any system; a **paragraph** is all lines up to the next blank one. Two
    are equal when their normalized texts are: Unicode form C, without invisible characters, white space
    collapsed and, with `normalize`, without regard to case and punctuation (symbols count), with `ignore_digits` without
    regard to which digits they have. Units of fewer
    than `min_characters` never count: closing brackets, single words and page numbers recur with good
    reason. An ideograph, a Kana or a Hangul syllable counts as three characters, since 20 letters of English
    are about seven characters of Chinese. A unit is removed
    with its line end and the blank lines after it.

    Hashes have 64 bits (the upper half of XXH3-128): among a hundred million different lines the
    chance that any two are taken for equal is 3 in 10,000.

    **Memory.** The first document of every distinct hash is held, 40 bytes each. Where that is
    more than the available memory, the hashes are processed in as many ranges as needed, with
    the same result.

    Examples
    --------
    >>> import pyarrow as pa
    >>> text = pa.array(["Café — opens at nine every day\nHome", "Café — opens at nine every day"])
    >>> units = Lines().sketch(text).column("units").to_pylist()
    >>> units[0] == units[1], len(units[0])
    (True, 1)
    """

    name = "lines"
    papers = (
        Paper(
            title="CCNet: Extracting High Quality Monolingual Datasets from Web Crawl Data",
            authors="Wenzek, Lachaux, Conneau, Chaudhary, Guzmán, Joulin, Grave",
            year=2020,
            url="https://arxiv.org/abs/1911.00359",
            section="3.1 Deduplication",
        ),
        Paper(
            title="Dolma: an Open Corpus of Three Trillion Tokens for Language Model Pretraining Research",
            authors="Soldaini et al.",
            year=2024,
            url="https://arxiv.org/abs/2402.00159",
            section="5.3 Deduplication",
        ),
    )
    cost = (
        "Sketch: about 450 MB/s per core; both together 180, paragraphs 245. 40 bytes of memory per "
        "distinct line, 24 bytes of disk per line."
    )
    limits = (
        "Refrains, table rows and dialogue lose lines that belong to them. What stays depends on the order "
        "of documents: the first copy is not always the best one."
    )

    class Options(SpanOptions):
        """What a unit is, and which units count."""

        unit: Literal["line", "paragraph"] = Field("line", description="What is compared.")
        min_characters: int = Field(
            20,
            ge=1,
            description="Shorter units never count; white space at the ends is not counted, and an ideograph, a "
            "Kana or a Hangul syllable counts as three characters.",
        )
        normalize: bool = Field(False, description="Ignore case and punctuation, as CCNet does.")
        ignore_digits: bool = Field(
            False,
            description="Take every digit for 0, as CCNet does: dates and counts do not tell lines apart.",
            exclude_if=lambda ignored: not ignored,
        )

    options: Options

    @property
    def compared(self) -> Compared:
        options = self.options
        return Compared(
            f"{options.unit}s",
            options.unit,
            options.normalize,
            options.min_characters,
            zero_digits=options.ignore_digits,
        )
