"""SimHash: all pairs within the distance, and what their clusters say."""

from __future__ import annotations

import random

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cupel import _kernels
from cupel.deduplication.simhash import SimHash
from cupel.errors import BadOption
from cupel.findings import Prose
from tests.conftest import examples

from .conftest import Resolve, as_sets, check_whole


def near_texts(seed: int) -> list[str]:
    """Families of texts with one to three words changed."""
    rng = random.Random(seed)
    texts = []
    for _ in range(8):
        words = ["".join(rng.choices("abcdefghij", k=7)) for _ in range(80)]
        for _ in range(4):
            texts.append(" ".join(words))
            words[rng.randrange(80)] = "".join(rng.choices("klmnop", k=7))
    rng.shuffle(texts)
    return texts


def brute_force(texts: list[str], distance: int) -> set[frozenset[int]]:
    """Components of all pairs of fingerprints within the distance."""
    prints = _kernels.simhash(pa.array(texts)).to_pylist()
    group = list(range(len(texts)))
    for left in range(len(texts)):
        for right in range(left):
            if (prints[left] ^ prints[right]).bit_count() <= distance:
                old, new = group[left], group[right]
                group = [new if label == old else label for label in group]
    components = [frozenset(i for i, label in enumerate(group) if label == root) for root in set(group)]
    return {cluster for cluster in components if len(cluster) > 1}


@given(st.integers(0, 10**6), st.sampled_from([0, 1, 3, 6, 12]))
@settings(max_examples=examples(40))
def test_clusters_are_those_of_brute_force(resolve: Resolve, seed: int, distance: int) -> None:
    texts = near_texts(seed)
    clusters = resolve(SimHash.from_options({"max_distance": distance}), texts)
    check_whole(clusters)
    assert as_sets(clusters) == brute_force(texts, distance)


def test_scores_are_shares_of_common_bits(resolve: Resolve) -> None:
    texts = near_texts(1)
    prints = _kernels.simhash(pa.array(texts)).to_pylist()
    rows = resolve(SimHash.from_options({"max_distance": 8}), texts).members.to_pylist()
    assert any(row["score"] < 1 for row in rows)
    for row in rows:
        assert row["score"] == 1 - (prints[row["doc"]] ^ prints[row["cluster"]]).bit_count() / 64


def test_fingerprint_by_definition() -> None:
    # The votes of the hashes of "a b" and "b a", which occur twice and once.
    (fingerprint,) = _kernels.simhash(pa.array(["a b a b"]), ngram=2).to_pylist()
    (ab,), (ba,) = (_kernels.simhash(pa.array([text]), ngram=2).to_pylist() for text in ("a b", "b a"))
    bits = np.array([[gram_print >> bit & 1 for bit in range(64)] for gram_print in (ab, ab, ba)])
    assert fingerprint == sum(1 << bit for bit in range(64) if bits[:, bit].sum() >= 2)


def test_nothing_near_is_said_and_texts_without_words_are_left(resolve: Resolve) -> None:
    clusters = resolve(SimHash(), ["one two three", None, "", "…", "entirely different things"])
    assert clusters.members.num_rows == 0
    assert any(
        isinstance(block, Prose) and "no effect" in block.text for block in clusters.findings[0].blocks
    )


def test_a_distance_out_of_range() -> None:
    with pytest.raises(BadOption, match="max_distance"):
        SimHash.from_options({"max_distance": 17})
