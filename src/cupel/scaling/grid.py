"""The trials of a grid: nested parts of a corpus, each trained for several numbers of epochs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cupel.errors import BadInput, BadOption
from cupel.lab.data.documents import as_documents
from cupel.lab.lab import Lab, TrialPlan
from cupel.store import seeded_rank

__all__ = ["grid"]


def grid(
    lab: Lab,
    documents: pa.Table | Iterable[str],
    *,
    unique_tokens: Sequence[int],
    epochs: Sequence[float],
    seeds: Sequence[int] = (0,),
    draw_seed: int = 0,
    name: str = "corpus",
) -> list[TrialPlan]:
    """The trials that a law of repetition is fitted to: every part of the corpus, epochs and seed.

    Parts are drawn evenly by a seeded hash of the documents' ids, whole documents at a time, and nested: a
    smaller one is in every larger one (as in Muennighoff et al. 2023, to reduce chance). Each trial has a
    learning-rate schedule of its own length, as the law demands.

    Parameters
    ----------
    documents
        A table with `text`, and where they matter `id` and `weight`; or texts. Leave held-out text out of it.
    unique_tokens
        Of each part; the part holds as many documents as first reach it.
    epochs
        How often each part is seen.
    draw_seed
        Of the parts; `seeds` are those of the trials.

    Returns
    -------
    list of TrialPlan
        Seed by seed, for `Lab.train`; the budget of each is rounded to whole steps of the scale.

    Raises
    ------
    BadInput
        The corpus holds less than a part is to have.
    BadOption
        No part, epochs or seed, or one twice.

    Examples
    --------
    >>> plans = grid(lab, table, unique_tokens=[300_000, 1_200_000], epochs=[1, 4, 16])  # doctest: +SKIP
    >>> trials = lab.train(plans)  # doctest: +SKIP
    >>> cells = cells_of(trials, [lab.score(trial, [held_out]) for trial in trials])  # doctest: +SKIP
    """
    for option, values in (("unique_tokens", unique_tokens), ("epochs", epochs), ("seeds", seeds)):
        least = 0 if option == "seeds" else 1e-9
        if not len(values) or len(set(values)) < len(values) or min(values) < least:
            raise BadOption(f"{option} is {list(values)!r}: expected different numbers above 0, one at least")
    table = as_documents(documents)
    table = table.filter(pc.greater(pc.binary_length(table.column("text")), 0))
    table = table.filter(pc.greater(table.column("weight"), 0.0))
    table = table.take(_shuffled(table, draw_seed))
    ends = _token_ends(lab, table)
    held = int(ends[-1]) if len(ends) else 0
    stores = []
    for wanted in sorted(unique_tokens):
        if wanted > held:
            raise BadInput(
                f"{name} holds {held:,} tokens, and a part of {wanted:,} was asked for; ask for {held:,} at most"
            )
        count = int(np.searchsorted(ends, wanted)) + 1
        stores.append(lab.tokens(table.slice(0, count), f"{name}, {wanted:,} tokens"))
    return [
        TrialPlan(
            f"{name}, {wanted:,} tokens × {times:g}",
            store,
            seed,
            {"tokens": max(1, round(float(store.meta["weighted_tokens"]) * times))},
        )
        for seed in seeds
        for wanted, store in zip(sorted(unique_tokens), stores, strict=True)
        for times in sorted(epochs)
    ]


def _shuffled(table: pa.Table, seed: int) -> np.ndarray:
    """Rows by a seeded hash of their ids: the same documents in another order give the same draw."""
    ranks = [seeded_rank(id, seed) for id in table.column("id").to_pylist()]
    return np.array(sorted(range(len(ranks)), key=ranks.__getitem__), np.int64)


def _token_ends(lab: Lab, table: pa.Table) -> np.ndarray:
    """Tokens up to the end of each document, as one epoch draws them."""
    ends, before = [], 0.0
    for batch in table.to_batches(max_chunksize=4096):
        _, offsets = lab.tokenizer.encoder.encode(batch.column("text"))
        weighted = np.diff(offsets) * batch.column("weight").to_numpy()
        ends.append(before + np.cumsum(weighted))
        before = float(ends[-1][-1]) if len(weighted) else before
    return np.concatenate(ends) if ends else np.empty(0)
