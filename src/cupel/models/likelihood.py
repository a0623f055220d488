"""Log-probabilities of tokens under a causal language model: the one pass that all scores stand on.

Rows are sorted by length and run in batches of at most `batch_tokens` padded tokens. Padding stands on
the right, where causal attention never looks. Only at the scored positions are hidden states turned
into logits, in float32; sums are the caller's, in float64.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from cupel.errors import BadInput

__all__ = ["BATCH_TOKENS", "TokenRow", "body_and_head", "continuations", "detail_rows", "score_rows"]

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]
_Read = Callable[[Any, Any], tuple[Any, ...]]
"""What is read of logits and targets: tensors with one element per target, ln p first."""

BATCH_TOKENS = 4096
"""Enough to keep two cores busy, few enough for activations to stay in the cache."""
HEAD_POSITIONS = 1024
"""Positions whose logits (one float32 per vocabulary entry) are held at once."""
DETAIL_POSITIONS = 128
"""Positions whose probabilities are held beside the logits at once: few enough to stay in the cache."""


@dataclass(frozen=True)
class TokenRow:
    """One sequence to run: int64 arrays.

    Attributes
    ----------
    tokens
        The input.
    at, targets
        Input positions whose next token is scored, and that token; as long as each other.
    segments
        0 for what all see; branches 1, 2, … see segment 0 and themselves, and their positions go on from
        the end of segment 0. None: a plain sequence.
    name
        What it is part of, for messages.
    """

    tokens: Integers
    at: Integers
    targets: Integers
    segments: Integers | None = None
    name: str = ""


def score_rows(
    model: Any, rows: Sequence[TokenRow], *, batch_tokens: int = BATCH_TOKENS
) -> list[tuple[Floats, NDArray[np.bool_]]]:
    """Of each row: ln p of each target (float64), and whether no token is likelier.

    Raises
    ------
    BadInput
        The model gives NaN or infinity.
    """
    return _run(model, rows, batch_tokens, _scores)


def detail_rows(
    model: Any, rows: Sequence[TokenRow], *, batch_tokens: int = BATCH_TOKENS
) -> list[tuple[Floats, Floats, Integers]]:
    """Of each row: ln p of each target, the entropy of what was expected in its place, and the target's rank.

    ln p is the same to the bit as that of `score_rows`. Entropies are in nats (float64), of all tokens of the
    vocabulary. The rank (int64) is 1 where no token is likelier.

    Raises
    ------
    BadInput
        The model gives NaN or infinity.
    """
    return _run(model, rows, batch_tokens, _details)


def _run(model: Any, rows: Sequence[TokenRow], batch_tokens: int, read: _Read) -> list[Any]:
    import torch

    results: list[Any] = [None] * len(rows)
    training = model.training
    model.eval()
    try:
        with torch.inference_mode():
            body, head = body_and_head(model)
            for batch in _batches(rows, batch_tokens):
                for place, scored in zip(batch, _score(model, body, head, rows, batch, read), strict=True):
                    results[place] = scored
    finally:
        model.train(training)
    return results


def continuations(
    contexts: Sequence[Sequence[int]],
    endings: Sequence[Sequence[int]],
    *,
    max_tokens: int,
    name: str = "",
) -> tuple[TokenRow, list[Integers]]:
    """One row for several endings of one text, so that what they share is run once.

    Parameters
    ----------
    contexts, endings
        Tokens of each alternative: what is given, and what is scored; neither is empty.
    max_tokens
        The model's context: a longer alternative loses its first tokens.

    Returns
    -------
    The row, and of each alternative which of the row's targets are its own, in order.

    Examples
    --------
    >>> row, places = continuations([[0, 5], [0, 5]], [[6, 7, 8], [6, 9]], max_tokens=16)
    >>> row.tokens.tolist(), row.segments.tolist()
    ([0, 5, 6, 7], [0, 0, 0, 1])
    >>> [row.targets[place].tolist() for place in places]
    [[6, 7, 8], [6, 9]]
    """
    whole = [
        np.asarray([*context, *ending], np.int64)[-(max_tokens + 1) :]
        for context, ending in zip(contexts, endings, strict=True)
    ]
    shared = _common_prefix(whole)
    tokens, segments = [whole[0][:shared]], [np.zeros(shared, np.int64)]
    at: list[Integers] = []
    targets: list[Integers] = []
    places: list[Integers] = []
    start = shared
    scored = 0
    for number, (sequence, ending) in enumerate(zip(whole, endings, strict=True), 1):
        first = len(sequence) - min(len(ending), len(sequence) - 1)
        tail = sequence[shared:-1]
        positions = np.concatenate([np.arange(shared), np.arange(start, start + len(tail))])
        at.append(positions[first - 1 : len(sequence) - 1])
        targets.append(sequence[first:])
        places.append(np.arange(scored, scored + len(sequence) - first))
        tokens.append(tail)
        segments.append(np.full(len(tail), number, np.int64))
        start += len(tail)
        scored += len(sequence) - first
    branches = np.concatenate(segments)
    row = TokenRow(
        np.concatenate(tokens),
        np.concatenate(at),
        np.concatenate(targets),
        branches if branches.any() else None,
        name,
    )
    return row, places


def _common_prefix(sequences: Sequence[Integers]) -> int:
    """How many tokens all begin with; each keeps its last one to be predicted."""
    length = min(len(sequence) for sequence in sequences) - 1
    same = np.ones(length, bool)
    for sequence in sequences[1:]:
        same &= sequence[:length] == sequences[0][:length]
    return length if same.all() else int(np.argmin(same))


def _batches(rows: Sequence[TokenRow], batch_tokens: int) -> Iterator[list[int]]:
    """Places of rows, the longest first (memory runs out at the beginning, if it does)."""
    order = sorted(range(len(rows)), key=lambda place: (-len(rows[place].tokens), place))
    while order:
        count = max(1, batch_tokens // max(1, len(rows[order[0]].tokens)))
        yield order[:count]
        order = order[count:]


def body_and_head(model: Any) -> tuple[Any, Any]:
    """The model's body and its output layer, where both together are the model; else nothing.

    Some models do more with their logits (a cap, a scale): one small input tells, once per model.
    """
    body, head = getattr(model, model.base_model_prefix, None), model.get_output_embeddings()
    if body is None or head is None:
        return None, None
    if model not in _divides:
        _divides[model] = _divided(model, body, head)
    return (body, head) if _divides[model] else (None, None)


_divides: WeakKeyDictionary[Any, bool] = WeakKeyDictionary()
"""Whether a model is its body and its output layer, by model."""


def _divided(model: Any, body: Any, head: Any) -> bool:
    import torch

    probe = torch.zeros((1, 2), dtype=torch.long, device=model.device)
    apart = head(body(input_ids=probe, use_cache=False).last_hidden_state)
    whole = model(input_ids=probe, use_cache=False).logits
    return bool(apart.shape == whole.shape and torch.allclose(apart, whole, equal_nan=True))


def _score(
    model: Any, body: Any, head: Any, rows: Sequence[TokenRow], batch: list[int], read: _Read
) -> list[tuple[Any, ...]]:
    import torch

    chosen = [rows[place] for place in batch]
    inputs = _inputs(model, chosen)
    counts = [len(row.at) for row in chosen]
    line = torch.from_numpy(np.repeat(np.arange(len(chosen)), counts)).to(model.device)
    at = torch.from_numpy(np.concatenate([row.at for row in chosen])).to(model.device)
    targets = torch.from_numpy(np.concatenate([row.targets for row in chosen])).to(model.device)
    if body is not None:
        states = body(**inputs, use_cache=False).last_hidden_state[line, at]
    else:
        states = model(**inputs, use_cache=False).logits[line, at]
    parts = []
    for start in range(0, len(targets), HEAD_POSITIONS):
        part = slice(start, start + HEAD_POSITIONS)
        logits = (head(states[part]) if head is not None else states[part]).float()
        parts.append(read(logits, targets[part]))
    columns = [torch.cat(column).cpu().numpy() for column in zip(*parts, strict=True)]
    columns = [column.astype(np.float64) if column.dtype.kind == "f" else column for column in columns]
    ends = np.cumsum(counts)
    finite = np.isfinite(columns[0])
    if not finite.all():
        bad = chosen[int(np.searchsorted(ends, np.argmin(finite), side="right"))]
        raise BadInput(
            f"the model gives no finite probabilities{f' for {bad.name}' if bad.name else ''}: "
            "its weights or logits are NaN or infinite, so the training run diverged; lower its learning rate"
        )
    return list(zip(*(np.split(column, ends[:-1]) for column in columns), strict=True))


def _scores(logits: Any, targets: Any) -> tuple[Any, ...]:
    """ln p of each target, and whether no token is likelier."""
    import torch

    losses = torch.nn.functional.cross_entropy(logits, targets, reduction="none")
    return -losses, logits.gather(1, targets[:, None])[:, 0] >= logits.amax(-1)


def _details(logits: Any, targets: Any) -> tuple[Any, ...]:
    """ln p of each target, the entropy at its place, and its rank."""
    import torch

    losses = torch.nn.functional.cross_entropy(logits, targets, reduction="none")
    own = logits.gather(1, targets[:, None])
    entropies, ranks = [], []
    for start in range(0, len(targets), DETAIL_POSITIONS):
        part = slice(start, start + DETAIL_POSITIONS)
        here = logits[part]
        ranks.append(torch.count_nonzero(here > own[part], dim=-1) + 1)
        likely = torch.softmax(here, -1)
        # H = ln Σ exp l − Σ p l, where the first term is what the loss has already: l of the target + its loss.
        entropy = own[part, 0] + losses[part] - torch.linalg.vecdot(likely, here)
        if not bool(torch.isfinite(entropy).all()):  # a vocabulary with logits of −∞
            entropy = torch.special.entr(likely).sum(-1)
        entropies.append(entropy.clamp_min(0))
    return -losses, torch.cat(entropies), torch.cat(ranks)


def _inputs(model: Any, rows: Sequence[TokenRow]) -> dict[str, Any]:
    """Padded tokens; of rows with branches also where each token stands and what it sees."""
    import torch

    longest = max(len(row.tokens) for row in rows)
    tokens = np.zeros((len(rows), longest), np.int64)
    for line, row in enumerate(rows):
        tokens[line, : len(row.tokens)] = row.tokens
    inputs = {"input_ids": torch.from_numpy(tokens).to(model.device)}
    if all(row.segments is None for row in rows):
        return inputs
    segments = np.zeros((len(rows), longest), np.int64)
    places = np.tile(np.arange(longest), (len(rows), 1))
    for line, row in enumerate(rows):
        if row.segments is not None:
            segments[line, : len(row.segments)] = row.segments
            starts = np.searchsorted(row.segments, row.segments)
            shared = int((row.segments == 0).sum())
            branch = row.segments > 0
            places[line, : len(starts)][branch] -= (starts - shared)[branch]
    seen = torch.from_numpy(segments).to(model.device)
    visible = (seen[:, None, :] == 0) | (seen[:, None, :] == seen[:, :, None])
    visible &= torch.ones((longest, longest), dtype=torch.bool, device=model.device).tril()
    mask = torch.zeros(visible.shape, dtype=model.dtype, device=model.device)
    mask.masked_fill_(~visible, torch.finfo(model.dtype).min)
    inputs["attention_mask"] = mask[:, None]
    inputs["position_ids"] = torch.from_numpy(places).to(model.device)
    return inputs
