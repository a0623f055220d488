"""Options of a run: everything except the recipe, the input and the output."""

from __future__ import annotations

from dataclasses import dataclass, field

from cupel.corpus.read import ReadOptions
from cupel.engine import Engine
from cupel.errors import BadOption
from cupel.recipe.asking import Asking
from cupel.recipe.job import OutputOptions
from cupel.store import Store

__all__ = ["RunOptions"]


@dataclass(frozen=True)
class RunOptions:
    """How a recipe is carried out.

    Attributes
    ----------
    reading
        How documents are read.
    writing
        How the corpus is written.
    engine
        What runs it: all cores of this machine by default.
    target_shard_bytes
        Input bytes of one shard: the unit of parallel work and of what a kill can undo. By
        default a quarter of each core's share, between 4 and 128 MiB. The result does not depend on it.
    cache
        Where what methods learn, and what models answer, is kept for other runs; the user's own by default.
    asking
        What models may cost, and how many requests wait at once.
    restart
        Discard an unfinished or other run in the output folder first.
    accept
        Continue even if a deduplication would remove more than its bounds allow.
    """

    reading: ReadOptions = field(default_factory=ReadOptions)
    writing: OutputOptions = field(default_factory=OutputOptions)
    engine: Engine = field(default_factory=Engine)
    target_shard_bytes: int | None = None
    cache: Store = field(default_factory=Store.of)
    asking: Asking = field(default_factory=Asking)
    restart: bool = False
    accept: bool = False

    def __post_init__(self) -> None:
        if self.target_shard_bytes is not None and self.target_shard_bytes < 1:
            raise BadOption(f"target_shard_bytes is {self.target_shard_bytes}: expected 1 or more")
