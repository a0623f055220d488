"""What a trial scored: a ratio over items, kept item by item so that it can be resampled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from cupel.errors import BadInput
from cupel.store import replace

__all__ = ["Measure", "read_measures", "write_measures"]


@dataclass(frozen=True)
class Measure:
    """One metric of one trial on one set of items; its value is `amount.sum() / weight.sum()`.

    Attributes
    ----------
    metric
        What is measured: `bits_per_byte`, `accuracy`.
    subset
        On which items: a domain of the held-out text, a task.
    better
        Whether a `lower` or a `higher` value is better.
    items
        Name of each item: a document's id, a task's question.
    amount
        float64, one per item: bits, or 1.0 where the answer was right.
    weight
        float64, one per item: bytes, or 1.0.
    chance
        The value that guessing gives, from the items themselves; None where there is none.
    version
        Goes up whenever the metric's definition changes: values of two versions do not compare.

    Examples
    --------
    >>> measure = Measure(
    ...     "bits_per_byte", "wiki", "lower", ("a", "b"), np.array([20.0, 10.0]), np.array([10.0, 5.0])
    ... )
    >>> measure.value
    2.0
    """

    metric: str
    subset: str
    better: Literal["lower", "higher"]
    items: tuple[str, ...]
    amount: NDArray[np.float64]
    weight: NDArray[np.float64]
    chance: float | None = None
    version: int = 1

    def __post_init__(self) -> None:
        if not len(self.items) == len(self.amount) == len(self.weight):
            raise BadInput(
                f"{self.name}: {len(self.items)} items, {len(self.amount)} amounts, {len(self.weight)} weights"
            )

    @property
    def name(self) -> str:
        """Metric and subset: what tells it from a trial's other measures."""
        return f"{self.metric} {self.subset}"

    @property
    def value(self) -> float:
        """The metric over all items; NaN where they weigh nothing."""
        total = float(self.weight.sum())
        return float(self.amount.sum()) / total if total > 0 else float("nan")


def write_measures(measures: Sequence[Measure], path: Path) -> None:
    """Write the measures of one trial to one file, whole or not at all."""
    import json

    about: list[dict[str, Any]] = []
    arrays: dict[str, NDArray[Any]] = {}
    for place, measure in enumerate(measures):
        about.append(
            {
                "metric": measure.metric,
                "subset": measure.subset,
                "better": measure.better,
                "items": list(measure.items),
                "chance": measure.chance,
                "version": measure.version,
            }
        )
        arrays[f"amount_{place}"] = measure.amount
        arrays[f"weight_{place}"] = measure.weight
    arrays["about"] = np.frombuffer(json.dumps(about).encode(), np.uint8)

    def build(unfinished: Path) -> None:
        with unfinished.open("wb") as file:
            np.savez_compressed(file, **arrays)  # type: ignore[arg-type]

    replace(path, build)


def read_measures(path: Path) -> tuple[Measure, ...]:
    """What `write_measures` wrote.

    Raises
    ------
    BadInput
        The file is not whole.
    """
    import json
    import zipfile

    try:
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            about: list[Mapping[str, Any]] = json.loads(file["about"].tobytes())
            return tuple(
                Measure(
                    entry["metric"],
                    entry["subset"],
                    entry["better"],
                    tuple(entry["items"]),
                    file[f"amount_{place}"],
                    file[f"weight_{place}"],
                    entry["chance"],
                    entry["version"],
                )
                for place, entry in enumerate(about)
            )
    except (zipfile.BadZipFile, KeyError, ValueError, EOFError) as error:
        raise BadInput(
            f"{path} does not hold a trial's measures ({error}); delete it, and it is made anew"
        ) from None
