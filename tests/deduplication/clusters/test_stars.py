"""Other measures than Jaccard, and clusters without chains."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cupel.deduplication.minhash import MinHash
from cupel.errors import BadOption
from tests.conftest import examples
from tests.deduplication import reference
from tests.deduplication.conftest import Resolve, as_sets, check_whole

SURE = {"bands": 96, "rows": 1, "ngram": 1, "clusters": "connected"}


def chain(words: int = 20, links: int = 12) -> list[str]:
    """Each text has two words that the one before has not."""
    return [" ".join(f"w{letters(n)}" for n in range(2 * k, 2 * k + words)) for k in range(links)]


def letters(number: int) -> str:
    return "".join(chr(ord("a") + int(digit)) for digit in f"{number:03d}")


def jaccard(left: str, right: str) -> float:
    a, b = set(left.split()), set(right.split())
    return len(a & b) / len(a | b)


def test_a_chain_is_one_cluster_or_many_stars(resolve: Resolve) -> None:
    texts = chain()
    connected = resolve(MinHash.from_options({"threshold": 0.8, **SURE}), texts)
    assert as_sets(connected) == {frozenset(range(12))}
    assert min(connected.members["score"].to_pylist()) < 0.1
    clusters = resolve(MinHash.from_options({"threshold": 0.8, **SURE, "clusters": "stars"}), texts)
    check_whole(clusters)
    # By hand: all are equally long, so the first stays, with the one that is 18/22 like it.
    assert as_sets(clusters) == {frozenset({n, n + 1}) for n in range(0, 12, 2)}


@given(st.integers(0, 10**6), st.sampled_from([0.3, 0.6, 0.8]))
@settings(max_examples=examples(40))
def test_stars_by_definition(resolve: Resolve, seed: int, threshold: float) -> None:
    rng = random.Random(seed)
    texts = [" ".join(rng.sample("abcdefghijkl", rng.randrange(4, 9))) for _ in range(16)]
    options = {"threshold": threshold, **SURE}
    clusters = resolve(MinHash.from_options({**options, "clusters": "stars"}), texts)
    check_whole(clusters)
    expected = set()
    for component in as_sets(resolve(MinHash.from_options(options), texts)):
        left = set(component)
        while left:
            centre = min(left, key=lambda doc: (-len(texts[doc]), doc))
            star = {doc for doc in left if jaccard(texts[doc], texts[centre]) >= threshold}
            left -= star
            expected |= {frozenset(star)} if len(star) > 1 else set()
    assert as_sets(clusters) == expected
    for row in clusters.members.to_pylist():
        assert row["score"] == pytest.approx(jaccard(texts[row["doc"]], texts[row["cluster"]]))


def test_stars_need_verification() -> None:
    with pytest.raises(BadOption, match="needs verify"):
        MinHash.from_options({"clusters": "stars", "verify": False})


def test_containment_finds_a_text_in_a_longer_one(resolve: Resolve) -> None:
    texts = [" ".join(f"w{letters(n)}" for n in range(30)), " ".join(f"w{letters(n)}" for n in range(10))]
    assert as_sets(resolve(MinHash.from_options({"threshold": 0.9, **SURE}), texts)) == set()
    clusters = resolve(MinHash.from_options({"threshold": 0.9, "similarity": "containment", **SURE}), texts)
    assert as_sets(clusters) == {frozenset({0, 1})}
    assert clusters.members["score"].to_pylist() == [1.0, 1.0]


def test_edit_similarity_minds_the_order(resolve: Resolve) -> None:
    words = [f"w{letters(n)}" for n in range(20)]
    texts = [" ".join(words), " ".join(words[::-1]), " ".join([*words[:10], "other", *words[11:]])]
    assert as_sets(resolve(MinHash.from_options({"threshold": 0.8, **SURE}), texts)) == {frozenset({0, 1, 2})}
    clusters = resolve(MinHash.from_options({"threshold": 0.8, "similarity": "edit", **SURE}), texts)
    assert as_sets(clusters) == {frozenset({0, 2})}
    assert min(clusters.members["score"].to_pylist()) == pytest.approx(19 / 20)


@given(st.lists(st.text("abc ", max_size=30), min_size=2, max_size=8))
@settings(max_examples=examples(60))
def test_edit_similarity_is_that_of_levenshtein(resolve: Resolve, texts: list[str]) -> None:
    clusters = resolve(MinHash.from_options({"threshold": 0.01, "similarity": "edit", **SURE}), texts)
    for row in clusters.members.to_pylist():
        left, right = texts[row["doc"]].split(), texts[row["cluster"]].split()
        expected = 1 - reference.levenshtein(left, right) / max(len(left), len(right))
        assert row["score"] == pytest.approx(expected)
