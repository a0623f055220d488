"""What an evaluation is, and how a trial is scored by several: held-out text, tasks, your own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from cupel.errors import BadInput
from cupel.models.likelihood import BATCH_TOKENS
from cupel.verdict.measures import Measure

__all__ = ["Evaluation", "EvaluationContext", "evaluate", "measures_by_domain"]


@dataclass(frozen=True)
class EvaluationContext:
    """How a trial is scored; none of it changes a value by more than rounding does.

    Attributes
    ----------
    device
        As PyTorch names it.
    dtype
        What the model computes in; log-probabilities are always taken in float32 and summed in float64.
    batch_tokens
        Tokens of a batch, padding included.
    """

    device: str = "cpu"
    dtype: Literal["float32", "bfloat16"] = "float32"
    batch_tokens: int = BATCH_TOKENS


@runtime_checkable
class Evaluation(Protocol):
    """Scores a model: from model and tokenizer to measures.

    Anything with these three is one; nothing registers it. It draws no random numbers from global state and
    gives the same items, in the same order, for every model: trials are compared item by item.

    Attributes
    ----------
    name
        Kebab-case; for messages.
    version
        Goes up whenever what it measures changes.
    """

    @property
    def name(self) -> str: ...
    @property
    def version(self) -> int: ...

    def measure(self, model: Any, tokenizer: Any, context: EvaluationContext) -> Sequence[Measure]:
        """The measures of a `transformers` causal language model and its fast tokenizer."""


def evaluate(
    trial: Path, evaluations: Sequence[Evaluation], context: EvaluationContext = EvaluationContext()
) -> tuple[Measure, ...]:
    """The measures of a finished trial's folder, by all evaluations in turn.

    Raises
    ------
    BadInput
        A folder that is not a checkpoint, a model that gives no finite probabilities, or two
        measures of one name.
    """
    from cupel.models.checkpoint import load_checkpoint

    model, tokenizer = load_checkpoint(trial, device=context.device, dtype=context.dtype)
    by_name: dict[str, Measure] = {}
    for evaluation in evaluations:
        try:
            measures = evaluation.measure(model, tokenizer, context)
        except BadInput as error:
            raise BadInput(f"{trial}: {evaluation.name}: {error}") from None
        for measure in measures:
            if measure.name in by_name:
                raise BadInput(
                    f"two evaluations give a measure '{measure.name}'; rename a task or a domain of {evaluation.name}"
                )
            by_name[measure.name] = measure
    return tuple(by_name.values())


def measures_by_domain(
    metric: str,
    better: Literal["lower", "higher"],
    documents: pa.Table,
    amount: NDArray[np.float64],
    weight: NDArray[np.float64],
    version: int,
) -> list[Measure]:
    """One measure for each domain, in the order of their first documents; `amount` and `weight` one a document."""
    domains = np.array(documents["domain"].to_pylist(), object)
    ids = np.array(documents["id"].to_pylist(), object)
    return [
        Measure(
            metric,
            str(domain),
            better,
            tuple(ids[domains == domain]),
            amount[domains == domain],
            weight[domains == domain],
            version=version,
        )
        for domain in dict.fromkeys(domains)
    ]
