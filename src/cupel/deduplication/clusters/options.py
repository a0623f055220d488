"""Options of the methods that find whole documents: which document stays, and which losses stop the run."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from cupel.contract import Acts, Compares, Keeps, Method, PrefersSources

__all__ = ["SMALLEST_GIANT", "SMALLEST_STOP", "ActionOptions", "ClusterOptions", "LossOptions"]

# On small corpora a handful of copies is a large share and no cause for alarm.
SMALLEST_GIANT = 100
SMALLEST_STOP = 1000


class LossOptions(Method.Options):
    """Which losses stop a run, for every deduplication method."""

    max_source_loss: float = Field(
        0.95,
        gt=0,
        le=1,
        description="A source of which a larger share would go (of at least "
        f"{SMALLEST_STOP:,} documents) stops the run until it is told to accept.",
    )


class ActionOptions(Compares, Acts, PrefersSources, LossOptions):
    """Options of every method that acts on clusters: the action, and its limits."""

    action: Literal["drop", "weigh", "mark"] = Field(
        "drop",
        description="`drop` removes all but one document of each cluster; `weigh` keeps all and divides "
        "the weight of each by the size of its cluster; `mark` keeps all and carries the cluster and its "
        "size as columns.",
    )
    giant_cluster_fraction: float = Field(
        0.01,
        gt=0,
        le=1,
        description="A cluster with more than this share of all documents (and at least "
        f"{SMALLEST_GIANT}) raises an alarm with samples.",
    )
    max_cluster_fraction: float = Field(
        0.25,
        gt=0,
        le=1,
        description=f"A cluster with more than this share of all documents (and at least {SMALLEST_STOP:,}) "
        "stops the run until it is told to accept.",
    )


class ClusterOptions(Keeps, ActionOptions):
    """Options of every method that finds whole documents, any of which may stay."""
