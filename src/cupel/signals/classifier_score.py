"""The score of a classifier that is there already."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Self

import numpy as np
import pyarrow as pa
from pydantic import Field

from cupel.contract import Column, Computes, Measure, Paper, Resources, Signal
from cupel.errors import BadOption, UnknownName
from cupel.models.folder import local_folder
from cupel.models.load import load_model
from cupel.models.reference import cached_file, check_reference, parse_reference
from cupel.signals._columns import real

__all__ = ["ClassifierScore"]

ASKS = "classify"
GOOD = ("positive", "hq")
"""Labels of good documents: in what `cupel fit quality-classifier` learns, and in DCLM's classifier."""


class ClassifierScore(Signal):
    """The score of a ready classifier: what `cupel fit` learned, a fastText model, or a head of transformers.

    ```yaml
    signals:
      quality: {classifier-score: {scorer: edu}}
      toxic: {classifier-score: {scorer: "fasttext:toxicity.bin", label: toxic}}
      educational: {classifier-score: {scorer: "hf:HuggingFaceFW/fineweb-edu-classifier"}}
    steps:
      - threshold: {signal: educational, at_least: 3}
      - percentile: {by: quality, at_least: 90}
    ```

    Under names of their own, as here, several scorers stand in one recipe, each with a column of its name. A scorer is

    - a folder that `cupel fit quality-classifier` wrote;
    - `fasttext:FILE`, or `fasttext:hf:org/name/file.bin` for a file of the Hugging Face hub;
    - a folder, or `hf:org/name`, of a transformers model for sequence classification. A regression, such as
      FineWeb-Edu's classifier, gives its value; others the probability of `label`.

    A head of transformers sees the beginning of a text, as far as its context goes. A text without known words has
    no score under a fastText model.

    Examples
    --------
    >>> ClassifierScore.from_options({"scorer": "fasttext:nowhere.bin"})
    Traceback (most recent call last):
    ...
    cupel.errors.BadOption: classifier-score: model 'fasttext:nowhere.bin': no such file
    """

    name = "classifier-score"
    utility = "quality"
    papers = (
        Paper(
            title="DataComp-LM: In search of the next generation of training sets for language models",
            authors="Li et al.",
            year=2024,
            url="https://arxiv.org/abs/2406.11794",
            section="4.4",
        ),
        Paper(
            title="The FineWeb Datasets: Decanting the Web for the Finest Text Data at Scale",
            authors="Penedo et al.",
            year=2024,
            url="https://arxiv.org/abs/2406.17557",
            section="4",
        ),
    )
    cost = (
        "A fastText model: more than 20 MB/s per core. A head of transformers runs the model over each beginning: about 15 "
        "documents/s per core for 100M parameters and 512 tokens."
    )
    limits = (
        "It prefers what its training data calls good, which may be a length, a language or a style. What a percentile "
        "means depends on the corpus, what a value means on the scorer."
    )
    columns: ClassVar[Mapping[str, Column]] = {
        "classifier_score": real("score", "probability of the label, or the value of a regression"),
    }
    files = ("scorer",)

    class Options(Computes):
        """Which classifier, and which of its labels."""

        scorer: str = Field(
            description="A folder that `cupel fit` wrote, `fasttext:FILE`, `fasttext:hf:org/name/file.bin`, "
            "`hf:org/name` or a folder of transformers.",
        )
        label: str | None = Field(
            None,
            description="The label whose probability is the score; not needed where there is a single output, or a "
            "label `positive` or `hq`.",
        )

    options: Options

    @classmethod
    def from_options(cls, options: Mapping[str, Any], where: str = "") -> Self:
        """The signal with these options. The classifier is checked as far as possible without loading it."""
        method = super().from_options(options, where)
        place = f"{where}{': ' if where else ''}{cls.name}"
        check_reference(method.options.scorer, ASKS, place, reachable=False)
        return method

    def check_ready(self) -> None:
        """Refuse a classifier of the hub that is not in its cache where nothing may be fetched."""
        check_reference(self.options.scorer, ASKS, self.label)

    def paths(self) -> Iterator[str]:
        """The files of the classifier, where they are on this machine."""
        reference = parse_reference(self.options.scorer)
        path = local_folder(self.options.scorer) if reference.scheme != "fasttext" else cached_file(reference)
        yield str(path or reference.path)

    def prepare(self, resources: Resources) -> Measure:
        """A function that scores with the classifier, which is loaded here."""
        model = load_model(self.options.scorer, ASKS, device=self.options.device)
        column = self._column(model.labels)

        def measure(documents: pa.RecordBatch) -> pa.RecordBatch:
            scores = model.classify(documents.column("text"))[:, column].astype(np.float64)
            return pa.record_batch({"classifier_score": pa.array(scores, from_pandas=True)})

        return measure

    def _column(self, labels: tuple[str, ...]) -> int:
        label = self.options.label
        if label is not None:
            if label not in labels:
                raise UnknownName("label", label, labels, where=f"{self.label}: {self.options.scorer}")
            return labels.index(label)
        if len(labels) == 1:
            return 0
        for good in GOOD:
            if good in labels:
                return labels.index(good)
        raise BadOption(
            f"{self.label}: {self.options.scorer} has {len(labels)} labels; name one as 'label': "
            f"{', '.join(labels[:20])}{', …' if len(labels) > 20 else ''}"
        )
