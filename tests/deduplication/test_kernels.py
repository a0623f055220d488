"""Signatures, shingles, buckets and joins, against plain Python."""

from __future__ import annotations

import random
from itertools import combinations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cupel import _kernels

from . import reference

FOLDED = {"fold_numbers": True, "ignore_symbols": True}
SIGNS = "C++ C# <= ± €5 a*b ** -7 "
TOKENS = (
    SIGNS + "the cat café naïve ÜBER Straße don't 12 1,234.5 x2 Ελλάς москва — … (see) end. e\u0301te\u0301"
)
WORDS = st.sampled_from(TOKENS.split())
TEXT = st.lists(WORDS, max_size=40).map(" ".join)


@given(st.lists(TEXT, max_size=5), st.integers(1, 7))
def test_shingles_are_those_of_the_definition(texts: list[str], ngram: int) -> None:
    shingles = _kernels.shingles(pa.array(texts, pa.large_string()), ngram=ngram).to_pylist()
    assert shingles == [sorted(reference.shingles(text, ngram, symbols=True)) for text in texts]
    folded = _kernels.shingles(pa.array(texts, pa.large_string()), ngram=ngram, **FOLDED).to_pylist()
    assert folded == [sorted(reference.shingles(text, ngram)) for text in texts]


@given(TEXT, st.integers(0, 2**64 - 1))
def test_signature_and_bands_are_those_of_the_definition(text: str, seed: int) -> None:
    array = pa.array([text], pa.large_string())
    signature = _kernels.minhash_signature(array, bands=3, rows=7, seed=seed).to_pylist()[0]
    bands = [column.to_pylist()[0] for column in _kernels.minhash(array, bands=3, rows=7, seed=seed)]
    shingles = reference.shingles(text, symbols=True)
    if not shingles:
        assert signature is None
        assert bands == [None] * 3
    else:
        assert signature == reference.signature(shingles, 21, seed)
        assert bands == reference.bands(signature, 7)


@given(st.text(), st.integers(1, 9))
def test_any_text_is_signed(text: str, ngram: int) -> None:
    array = pa.array([text, None], pa.string())
    bands = _kernels.minhash(array, ngram=ngram)
    empty = _kernels.shingles(array, ngram=ngram).to_pylist()[0] == []
    assert all(column.is_null().to_pylist() == [empty, True] for column in bands)


@pytest.mark.parametrize("similarity", [0.2, 0.5, 0.8, 0.95])
@pytest.mark.parametrize("size", [40, 200])
def test_estimates_are_unbiased_with_binomial_variance(similarity: float, size: int) -> None:
    """Mean and variance over many pairs of documents of the share of rows that agree.

    Bounds are 4.5 standard errors wide: of the mean, and (normal approximation) of the variance.
    """
    rng = random.Random(f"{similarity} {size}")
    permutations, pairs = 112, 600
    shared = round(size * 2 * similarity / (1 + similarity))
    truth = shared / (2 * size - shared)
    texts = []
    for _ in range(pairs):
        common = [str(rng.getrandbits(60)) + "x" for _ in range(shared)]
        for _ in range(2):
            own = [str(rng.getrandbits(60)) + "y" for _ in range(size - shared)]
            texts.append(" ".join(common + own))
    signatures = _kernels.minhash_signature(pa.array(texts, pa.large_string()), ngram=1, fold_numbers=False)
    table = signatures.flatten().to_numpy().reshape(pairs, 2, permutations)
    estimates = (table[:, 0] == table[:, 1]).mean(axis=1)
    variance = truth * (1 - truth) / permutations
    assert abs(estimates.mean() - truth) < 4.5 * np.sqrt(variance / pairs)
    assert abs(estimates.var(ddof=1) / variance - 1) < 4.5 * np.sqrt(2 / (pairs - 1))


@given(st.lists(st.none() | st.integers(0, 6), max_size=30), st.randoms(use_true_random=False))
def test_buckets_are_groups_of_two_or_more(keys: list[int | None], rng: random.Random) -> None:
    groups: dict[int, list[int]] = {}
    for doc, key in enumerate(keys):
        if key is not None:
            groups.setdefault(key, []).append(doc)
    expected = [groups[key] for key in sorted(groups) if len(groups[key]) > 1]
    order = list(range(len(keys)))
    rng.shuffle(order)
    docs = pa.array(order, pa.int64())
    shuffled = [keys[doc] for doc in order]
    assert _kernels.buckets(pa.array(shuffled, pa.uint64()), docs).to_pylist() == expected
    wide = [None if key is None else key.to_bytes(16, "big") for key in shuffled]
    assert _kernels.buckets(pa.array(wide, pa.binary(16)), docs).to_pylist() == expected


@given(st.lists(st.sets(st.integers(0, 9), max_size=7), min_size=1, max_size=12), st.floats(0.1, 1))
def test_verified_joins_are_those_of_brute_force(sets: list[set[int]], threshold: float) -> None:
    docs = pa.array(range(100, 100 + len(sets)), pa.int64())
    values = pa.array([value for shingles in sets for value in sorted(shingles)], pa.uint64())
    offsets = pa.array([0, *np.cumsum([len(shingles) for shingles in sets])], pa.int64())
    everything = pa.array([docs.to_pylist()], pa.large_list(pa.int64()))
    components, counts, histogram, pairs = _kernels.verify(
        [everything], docs, offsets, values, threshold=threshold
    )
    members_by_component: dict[int, set[int]] = {}
    for row in components.to_pylist():
        members_by_component.setdefault(row["component"], set()).add(row["doc"] - 100)
    expected = reference.clusters([s if s else {1000 + i} for i, s in enumerate(sets)], threshold)
    assert {frozenset(members) for members in members_by_component.values()} == expected
    assert all(min(members) + 100 == component for component, members in members_by_component.items())
    assert counts["candidate_pairs"] == len(sets) * (len(sets) - 1) // 2
    assert counts["compared"] == counts["verified"] + counts["rejected"]
    assert sum(histogram["verified"].to_pylist()) == counts["verified"]
    assert sum(histogram["rejected"].to_pylist()) == counts["rejected"]
    for pair in pairs.to_pylist():
        truth = reference.jaccard(sets[pair["left"] - 100], sets[pair["right"] - 100])
        assert pair["similarity"] == truth
        assert pair["verified"] == (truth >= threshold)


def test_union_joins_all_of_a_bucket() -> None:
    kind = pa.large_list(pa.int64())
    bands = [pa.array([[5, 9], [1, 2, 3]], kind), pa.array([[3, 9]], kind), pa.array([[20, 30]], kind)]
    components = _kernels.union(bands)
    assert components["doc"].to_pylist() == [1, 2, 3, 5, 9, 20, 30]
    assert components["component"].to_pylist() == [1, 1, 1, 1, 1, 20, 20]


def test_the_limit_of_comparisons_is_counted() -> None:
    sets = [list(range(i * 10, i * 10 + 10)) for i in range(20)]
    docs = pa.array(range(20), pa.int64())
    values = pa.array(np.concatenate(sets), pa.uint64())
    offsets = pa.array(range(0, 201, 10), pa.int64())
    bucket = pa.array([list(range(20))], pa.large_list(pa.int64()))

    def counts(limit: int) -> dict[str, int]:
        return _kernels.verify([bucket], docs, offsets, values, threshold=0.5, max_comparisons=limit)[1]

    assert counts(19)["limited"] == 0
    assert counts(19)["compared"] == len(list(combinations(range(20), 2)))
    assert counts(4)["limited"] == 15
    assert counts(4)["compared"] == 0 + 1 + 2 + 3 + 16 * 4


def test_mistakes_are_refused() -> None:
    text = pa.array(["a"])
    with pytest.raises(ValueError, match="ngram"):
        _kernels.minhash(text, ngram=0)
    with pytest.raises(ValueError, match="bands x rows"):
        _kernels.minhash(text, bands=0)
    with pytest.raises(ValueError, match="part"):
        _kernels.shingles(text, part=2, parts=2)
    none = pa.array([], pa.int64())
    bucket = pa.array([[1, 2]], pa.large_list(pa.int64()))
    with pytest.raises(ValueError, match="nothing to compare"):
        _kernels.verify([bucket], none, pa.array([0], pa.int64()), pa.array([], pa.uint64()), threshold=0.5)
