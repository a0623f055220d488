"""What learns to rate: a linear model for each criterion on the n-grams of a text, or on its vector."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, model_validator

from cupel.contract import Column, Computes, Learns, Measure
from cupel.contract.draws import uniform
from cupel.errors import BadInput, Damaged
from cupel.models.features import BUCKET_BITS, SparseCounts, compact, hashed_ngrams, joined
from cupel.models.model import Model
from cupel.models.ridge import Ridge, choose_ridge
from cupel.signals._ratings import Rated, RatingScale
from cupel.signals._rubrics import Criterion
from cupel.vectors.fields import unit

__all__ = [
    "SMALLEST",
    "RaterEvaluation",
    "LearnsRatings",
    "column_of",
    "load_rater",
    "read_scales",
    "train_rater",
]

WEIGHTS, DESCRIPTION, EMBEDDER = "weights.npy", "rater.json", "embedder"
TEXTS_AT_ONCE = 256
SMALLEST = 20
"""Rated documents of a criterion below which nothing can be learned."""
CHOOSING = 0.2
"""Share of what is learned from that chooses the penalty."""

Floats = npt.NDArray[np.float64]


class LearnsRatings(Learns, Computes):
    """What a rater looks at, and how it is measured."""

    features: Literal["ngrams", "embedding", "fast"] = Field(
        "ngrams",
        description="What of a text is looked at: its words and pairs of words; its vector by `embedder` (`embedding`); or "
        "the mean vector of its tokens, distilled from `embedder` (`fast`).",
    )
    embedder: str | None = Field(
        None,
        description="With `embedding` and `fast`: a model of sentences, a folder or `hf:org/name@revision`. With `fast` "
        "also a folder that `cupel fit semdedup --embed fast` made.",
    )
    held_out: float = Field(
        0.2, gt=0, lt=1, description="Share of the rated documents that is kept back to measure the rater."
    )
    seed: int = Field(0, ge=0, lt=1 << 63, description="Of all draws.")

    @model_validator(mode="after")
    def _has_embedder(self) -> Any:
        if self.artifact is None and (self.features == "ngrams") != (self.embedder is None):
            expected = "needs an 'embedder'" if self.embedder is None else "looks at no 'embedder'"
            raise ValueError(f"features: {self.features} {expected}")
        return self


@dataclass(frozen=True)
class RaterEvaluation:
    """How a rater does on documents that it did not learn from.

    Attributes
    ----------
    scale
        The criterion.
    learned
        How many documents it was learned from.
    target, predicted
        float64: the ratings of the documents kept back, and what the rater says of them.
    lengths
        float64: their bytes of text.
    places
        Which of the rated documents they are.
    constant
        All ratings that it was learned from are equal.
    """

    scale: RatingScale
    learned: int
    target: Floats
    predicted: Floats
    lengths: Floats
    places: npt.NDArray[np.int64]
    constant: bool = False


def train_rater(rated: Rated, options: LearnsRatings, folder: Path, where: str) -> list[RaterEvaluation]:
    """Learn each criterion, write the rater to a folder, and rate the documents that were kept back.

    Raises
    ------
    BadInput
        No criterion can be learned: too few ratings, or the same for all.
    """
    texts = rated.documents["text"].combine_chunks()
    draws = uniform(rated.documents["id"].combine_chunks(), options.seed)
    kept_back = draws < options.held_out
    # What chooses the penalty is drawn from the rest.
    choosing = draws < options.held_out + (1 - options.held_out) * CHOOSING
    rows = {scale.name: np.flatnonzero(~np.isnan(rated.target(scale)) & ~kept_back) for scale in rated.scales}
    _check(rated, rows, where)
    features, used, width = _training_features(texts, options, folder, where)
    lengths = pc.binary_length(texts).to_numpy().astype(np.float64)
    weights: list[npt.NDArray[np.float16]] = []
    described: list[dict[str, Any]] = []
    evaluations = []
    for scale in rated.scales:
        target = rated.target(scale)
        learned, held = rows[scale.name], np.flatnonzero(~np.isnan(target) & kept_back)
        own, about = _learn(_rows(features, learned), target[learned], scale, len(used), choosing[learned])
        described.append(about)
        outputs = np.stack([_rounded(line).predict(_rows(features, held)) for line in own])
        constant = len(np.unique(target[learned])) < 2
        predicted = _values(outputs, about)
        evaluations.append(
            RaterEvaluation(scale, len(learned), target[held], predicted, lengths[held], held, constant)
        )
        for line in own:
            weights.append(np.zeros(width, np.float16))
            weights[-1][used] = line.weights
    np.save(folder / WEIGHTS, np.stack(weights))
    description = {
        "features": options.features,
        "bits": BUCKET_BITS,
        "embedder": options.embedder,
        "criteria": described,
    }
    text = json.dumps(description, indent=1, ensure_ascii=False)
    (folder / DESCRIPTION).write_text(text + "\n", "utf-8")
    return evaluations


def load_rater(folder: Path, columns: Mapping[str, Column], device: str, where: str) -> Measure:
    """The function that rates by what `train_rater` wrote: a column for each criterion, in the order of `columns`."""
    about = _read_description(folder)
    try:
        weights = np.load(folder / WEIGHTS).astype(np.float32)
    except (OSError, ValueError) as error:
        raise Damaged(folder / WEIGHTS, f"cannot be read: {error}", "fit the rater again") from None
    model = _embedder(about["features"], about["embedder"], folder, device, where)

    def measure(documents: pa.RecordBatch) -> pa.RecordBatch:
        texts = documents.column("text")
        parts = [
            _outputs(texts.slice(start, TEXTS_AT_ONCE), weights, about, model)
            for start in range(0, len(texts), TEXTS_AT_ONCE)
        ]
        outputs = np.concatenate(parts, axis=1) if parts else np.zeros((len(weights), 0))
        arrays, start = [], 0
        for criterion, column in zip(about["criteria"], columns.values(), strict=True):
            end = start + len(criterion["intercepts"])
            arrays.append(_column(_values(outputs[start:end], criterion), criterion, column))
            start = end
        return pa.RecordBatch.from_arrays(arrays, names=list(columns))

    return measure


def read_scales(folder: Path) -> tuple[RatingScale, ...]:
    """The criteria that a rater has learned."""
    return tuple(
        RatingScale(each["name"], tuple(each["labels"]), meaning=each["meaning"])
        for each in _read_description(folder)["criteria"]
    )


def _read_description(folder: Path) -> dict[str, Any]:
    try:
        return dict(json.loads((folder / DESCRIPTION).read_bytes()))
    except (OSError, ValueError) as error:
        raise Damaged(folder / DESCRIPTION, f"cannot be read: {error}", "fit the rater again") from None


def _check(rated: Rated, learned: Mapping[str, npt.NDArray[np.int64]], where: str) -> None:
    """Refuse ratings of which no criterion can be learned. Where one can, the report says which cannot."""
    reasons = []
    for scale in rated.scales:
        rows = learned[scale.name]
        if len(rows) < SMALLEST:
            reasons.append(
                f"criterion '{scale.name}' has {len(rows)} rated documents to learn from; expected {SMALLEST} or more"
            )
        elif len(np.unique(rated.target(scale)[rows])) < 2:
            reasons.append(f"criterion '{scale.name}': all {len(rows):,} ratings are equal; nothing to learn")
    if len(reasons) == len(rated.scales):
        raise BadInput(f"{where}: {reasons[0]}")


def _learn(
    features: SparseCounts | Floats,
    target: Floats,
    scale: RatingScale,
    width: int,
    choosing: npt.NDArray[np.bool_],
) -> tuple[list[Ridge], dict[str, Any]]:
    """The lines of a criterion, one or one for each label, and what is written of it."""
    spread = 1.0 if scale.labels or not len(target) else float(target.std()) or 1.0
    if len(target) < SMALLEST:  # nothing is said of it
        lines = [Ridge(np.zeros(width), math.nan, 0.0) for _ in scale.labels or ("",)]
    else:
        lines = [choose_ridge(features, aim, width, choosing) for aim in _aims(target / spread, scale)]
    about = {
        "name": scale.name,
        "meaning": scale.meaning,
        "labels": list(scale.labels),
        "lowest": float(target.min()) if len(target) else None,
        "highest": float(target.max()) if len(target) else None,
        "spread": spread,
        "intercepts": [None if math.isnan(line.intercept) else line.intercept for line in lines],
        "penalties": [line.penalty for line in lines],
    }
    return lines, about


def _aims(target: Floats, scale: RatingScale) -> list[Floats]:
    """What is regressed on: the rating, or for each label whether it is that."""
    if not scale.labels:
        return [target]
    return [np.where(target == code, 1.0, 0.0) for code in range(len(scale.labels))]


def _rounded(line: Ridge) -> Ridge:
    """The line as it is read back: what is measured is what is kept. The intercept is added with the criterion."""
    return Ridge(line.weights.astype(np.float16).astype(np.float32), 0.0, line.penalty)


def _values(outputs: Floats, criterion: Mapping[str, Any]) -> Floats:
    """Ratings within the scale that was seen, or the place of the likeliest label; NaN stays."""
    intercepts = np.array(criterion["intercepts"], np.float64)  # None becomes NaN
    totals = (outputs + intercepts[:, None]) * criterion["spread"]
    if np.isnan(intercepts).any():
        return np.full(outputs.shape[1], math.nan)
    if not criterion["labels"]:
        clipped: Floats = np.clip(totals[0], criterion["lowest"], criterion["highest"])
        return clipped
    return np.where(np.isnan(totals[0]), math.nan, totals.argmax(axis=0))


def _column(values: Floats, criterion: Mapping[str, Any], column: Column) -> pa.Array:
    if not criterion["labels"]:
        return pa.array(values, column.type, from_pandas=True)
    labels = criterion["labels"]
    return pa.array([None if math.isnan(value) else labels[int(value)] for value in values], column.type)


def _outputs(texts: pa.Array, weights: Any, about: Mapping[str, Any], model: Model | None) -> Floats:
    """Products of each text with each row of weights; NaN for null and for a text without words."""
    if model is None:
        counts = hashed_ngrams(texts, about["bits"])
        outputs = np.stack([counts.times(row) for row in weights])
        empty = np.diff(counts.starts) == 0
    else:
        vectors = unit(model.embed(pc.fill_null(texts, "").to_pylist(), 1))
        outputs = np.stack([np.einsum("ij,j->i", vectors, row, dtype=np.float64) for row in weights])
        blank = pc.equal(pc.utf8_trim_whitespace(pc.fill_null(texts, "")), "")
        empty = blank.to_numpy(zero_copy_only=False)
    outputs[:, empty] = math.nan
    return outputs


def _training_features(
    texts: pa.Array, options: LearnsRatings, folder: Path, where: str
) -> tuple[SparseCounts | Floats, npt.NDArray[np.int64], int]:
    """Features of the texts, which of all features they are, and how many there are in all."""
    if options.features == "ngrams":
        starts = range(0, len(texts), TEXTS_AT_ONCE)
        counts, used = compact(joined([hashed_ngrams(texts.slice(at, TEXTS_AT_ONCE)) for at in starts]))
        return counts, used, 1 << BUCKET_BITS
    if options.features == "fast":
        _keep_static(str(options.embedder), folder / EMBEDDER, options.device, where)
    model = _embedder(options.features, options.embedder, folder, options.device, where)
    if model is None:
        raise BadInput(f"{where}: features: {options.features} needs an 'embedder'")
    vectors = unit(model.embed(texts.to_pylist(), 1)).astype(np.float64)
    return vectors, np.arange(vectors.shape[1]), vectors.shape[1]


def _keep_static(embedder: str, target: Path, device: str, where: str) -> None:
    """Put a static embedder into the artifact: one that is there, or one distilled from a model."""
    from cupel.models.embedder import Embedder
    from cupel.models.load import load_model
    from cupel.models.static import STATIC_FILES, distill

    target.mkdir()
    source = Path(embedder)
    if all((source / name).is_file() for name in STATIC_FILES):
        for name in STATIC_FILES:
            shutil.copyfile(source / name, target / name)
        return
    teacher = load_model(embedder, "embed", device=device, where=where)
    if not isinstance(teacher, Embedder):
        raise BadInput(f"{where}: embedder '{embedder}' cannot be distilled: it is no transformer")
    distill(teacher, target)


def _embedder(features: str, embedder: str | None, folder: Path, device: str, where: str) -> Model | None:
    if features == "ngrams":
        return None
    if features == "fast":
        from cupel.models.static import StaticEmbedder

        return StaticEmbedder(folder / EMBEDDER)
    from cupel.models.load import load_model

    return load_model(str(embedder), "embed", device=device, where=where)


def _rows(features: SparseCounts | Floats, rows: npt.NDArray[np.int64]) -> SparseCounts | Floats:
    return features.take(rows) if isinstance(features, SparseCounts) else features[rows]


def column_of(scale: RatingScale, meaning: str) -> Column:
    """The column of a criterion that was learned."""
    if scale.labels:
        criterion = Criterion(name=scale.name, question=scale.meaning or meaning, labels=scale.labels)
        return criterion.column
    return Column(pa.float64(), "points", scale.meaning or meaning)
