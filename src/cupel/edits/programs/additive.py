"""Logistic regression on binned features: a weight per bin, so that each feature may act in any shape."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

__all__ = ["Additive"]

Floats = npt.NDArray[np.float64]

MAX_STEPS = 30
DECIMALS = 6
"""Of the weights that are kept: beyond them, digits may depend on the machine's linear algebra."""


@dataclass(frozen=True)
class Additive:
    """A sum of step functions, one per feature, as the logarithm of odds.

        ln(p / (1 − p)) = intercept + Σ weight[feature, bin of the feature's value]

    Attributes
    ----------
    edges
        Ascending edges of each feature's bins: bin *k* holds values from `edges[k - 1]`, included, to `edges[k]`.
    weights
        One more than there are edges.

    Examples
    --------
    >>> values = np.repeat([0.0, 1.0, 2.0], 50)
    >>> model = Additive.fit({"height": values}, values == 1)
    >>> (model.logits({"height": np.array([0.0, 1.0, 2.0])}) > 0).tolist()
    [False, True, False]
    """

    intercept: float
    edges: Mapping[str, Floats]
    weights: Mapping[str, Floats]

    @classmethod
    def fit(
        cls,
        features: Mapping[str, Floats],
        positive: npt.NDArray[np.bool_],
        bins: int = 12,
        ridge: float = 1.0,
    ) -> Self:
        """Maximize the likelihood less `ridge` / 2 · Σ weight², by Newton's method.

        Parameters
        ----------
        features
            Values by name, one per item.
        positive
            The class of each item.
        bins
            Of each feature, at most; their edges are quantiles of the values.
        ridge
            Keeps weights of rare bins small.
        """
        edges = {name: _edges(values, bins) for name, values in features.items()}
        codes, offsets = _codes(features, edges)
        total = int(offsets[-1])
        target = positive.astype(np.float64)
        share = float(np.clip(target.mean(), 1e-6, 1 - 1e-6))
        solution = np.zeros(total + 1)
        solution[-1] = np.log(share / (1 - share))
        for _ in range(MAX_STEPS):
            probability = _sigmoid(solution[codes].sum(axis=0) + solution[-1])
            gradient = _sums(codes, target - probability, total)
            gradient[:-1] -= ridge * solution[:-1]
            hessian = _curvature(codes, probability * (1 - probability), offsets)
            hessian[np.arange(total), np.arange(total)] += ridge
            hessian[-1, -1] += 1e-9
            step = np.linalg.solve(hessian, gradient)
            # Far from the optimum a full step may overshoot.
            step *= min(1.0, 4.0 / max(float(np.abs(step).max()), 1e-12))
            solution += step
            if float(np.abs(step).max()) < 1e-9:
                break
        solution = np.round(solution, DECIMALS)
        weights = {
            name: solution[start:stop]
            for name, start, stop in zip(features, offsets[:-1], offsets[1:], strict=True)
        }
        return cls(float(solution[-1]), edges, weights)

    def logits(self, features: Mapping[str, Floats]) -> Floats:
        """The logarithm of the odds of each item."""
        result: Floats | None = None
        for name, edges in self.edges.items():
            part = self.weights[name][np.searchsorted(edges, features[name], side="right")]
            result = part + self.intercept if result is None else result + part
        if result is None:
            raise ValueError("a model without features")
        return result

    def probabilities(self, features: Mapping[str, Floats]) -> Floats:
        """The probability that each item is positive."""
        return _sigmoid(self.logits(features))

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        features = {
            name: {"edges": self.edges[name].tolist(), "weights": self.weights[name].tolist()}
            for name in self.edges
        }
        return {"intercept": self.intercept, "features": features}

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Self:
        """What `to_json` gave."""
        features = record["features"]
        return cls(
            float(record["intercept"]),
            {name: np.asarray(feature["edges"], np.float64) for name, feature in features.items()},
            {name: np.asarray(feature["weights"], np.float64) for name, feature in features.items()},
        )


def _edges(values: Floats, bins: int) -> Floats:
    """Edges at quantiles of the values; a value that is very frequent has a bin of its own."""
    quantiles = np.quantile(values, np.arange(1, bins) / bins, method="lower")
    edges = np.unique(quantiles)
    frequent = edges[np.isin(edges, quantiles[1:][quantiles[1:] == quantiles[:-1]])]
    above = np.nextafter(frequent, np.inf)
    merged: Floats = np.unique(np.concatenate([edges, above]))
    return merged[(merged > values.min()) & (merged <= values.max())] if len(values) else merged


def _codes(
    features: Mapping[str, Floats], edges: Mapping[str, Floats]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The bin of each item in each feature, as a place among all bins, and where each feature's bins begin."""
    sizes = [len(edges[name]) + 1 for name in features]
    offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    codes = np.stack(
        [
            start + np.searchsorted(edges[name], values, side="right")
            for (name, values), start in zip(features.items(), offsets[:-1], strict=True)
        ]
    )
    return codes, offsets


def _sums(codes: npt.NDArray[np.int64], values: Floats, total: int) -> Floats:
    sums = np.zeros(total + 1)
    for row in codes:
        sums[:-1] += np.bincount(row, weights=values, minlength=total)
    sums[-1] = values.sum()
    return sums


def _curvature(codes: npt.NDArray[np.int64], weights: Floats, offsets: npt.NDArray[np.int64]) -> Floats:
    """The Hessian, from counts of pairs of bins; sums in the order of the items, whatever the number of threads."""
    total = int(offsets[-1])
    hessian = np.zeros((total + 1, total + 1))
    hessian[-1] = _sums(codes, weights, total)
    hessian[:, -1] = hessian[-1]
    local = codes - offsets[:-1, None]
    for first in range(len(codes)):
        rows = slice(offsets[first], offsets[first + 1])
        for second in range(first, len(codes)):
            columns = slice(offsets[second], offsets[second + 1])
            width = columns.stop - columns.start
            size = (rows.stop - rows.start) * width
            counts = np.bincount(local[first] * width + local[second], weights=weights, minlength=size)
            block = counts.reshape(-1, width)
            hessian[rows, columns] = block
            hessian[columns, rows] = block.T
    return hessian


def _sigmoid(values: Floats) -> Floats:
    return 1 / (1 + np.exp(-np.clip(values, -700, 700)))
