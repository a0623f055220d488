"""Soft deduplication: weights fall with commonness, nothing goes, and the order of things does not matter."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from cupel.contract import Resources
from cupel.dedup.softdedup import SoftDedup
from cupel.errors import BadOption
from cupel.findings import Prose, Samples, Table
from cupel.models.ngram import Ngram

from .conftest import Resolve, in_memory

SHORT = {"segments": 4}


def corpus(seed: int = 3) -> tuple[list[str], list[int]]:
    """Texts of words drawn at random, some of them copied up to eight times; how often each is there."""
    rng = random.Random(seed)
    vocabulary = ["".join(rng.choices("bdklmnrstaeiou", k=6)) for _ in range(400)]
    texts, copies = [], []
    for number in range(240):
        text = " ".join(rng.choices(vocabulary, k=40))
        # Most n-grams of a real corpus occur once.
        often = {0: 2, 1: 4, 2: 8}.get(number % 20, 1)
        texts += [text] * often
        copies += [often] * often
    return texts, copies


def rows(resolve: Resolve, texts: list[str | None], **options: object) -> list[dict]:
    found = resolve(SoftDedup.from_options(options), texts, rows_in_batch=13)
    return found.members.to_pylist()


def test_the_more_copies_the_less_weight(resolve: Resolve) -> None:
    texts, copies = corpus()
    found = rows(resolve, texts, **SHORT)
    assert [row["doc"] for row in found] == list(range(len(texts)))
    weights = {
        often: {row["weight"] for row, n in zip(found, copies, strict=True) if n == often}
        for often in set(copies)
    }
    means = [np.mean(list(weights[often])) for often in (1, 2, 4, 8)]
    assert means == sorted(means, reverse=True)
    assert means[0] > 2 * means[3]
    assert all(row["kept"] and row["cluster"] is None for row in found)


def test_weights_follow_one_over_p_within_the_ratio(resolve: Resolve) -> None:
    texts, _ = corpus()
    sizes = np.array([len(text) for text in texts])
    for ratio in (1.0, 1.5, 1e9):
        found = rows(resolve, texts, max_ratio=ratio, segments=50)
        weights = np.array([row["weight"] for row in found])
        assert (weights * sizes).sum() == pytest.approx(sizes.sum())
        spread = weights.max() / weights.min()
        if ratio < 1e9:
            assert spread == pytest.approx(ratio)
    # With no bound in the way: the mean of ln 1/p over a segment, as its documents share a weight.
    scores = np.array([row["score"] for row in found])
    for weight in np.unique(weights):
        expected = np.exp(scores.max() - scores[weights == weight].mean())
        assert weight / weights.min() == pytest.approx(
            expected * np.exp(_lowest(scores, weights) - scores.max())
        )


def _lowest(scores: np.ndarray, weights: np.ndarray) -> float:
    """The mean score of the documents of the lowest weight."""
    return float(scores[weights == weights.min()].mean())


def test_scores_are_the_models(resolve: Resolve) -> None:
    texts, _ = corpus()
    expected = Ngram.fit([pa.array(texts)], order=4).log_probs(pa.array(texts)).mean().to_pylist()
    assert [row["score"] for row in rows(resolve, texts)] == expected


def test_batches_threads_and_numbering_change_nothing(resolve: Resolve) -> None:
    texts, _ = corpus()
    method = SoftDedup.from_options(SHORT)
    one = resolve(method, texts, rows_in_batch=5)
    many = resolve(method, texts, rows_in_batch=64, threads=3)
    assert one.members.equals(many.members)
    turned = resolve(method, texts[::-1]).members
    assert turned["weight"].to_pylist()[::-1] == pytest.approx(one.members["weight"].to_pylist())


def test_texts_without_words_weigh_one(resolve: Resolve) -> None:
    texts, _ = corpus()
    found = rows(resolve, [*texts, None, "", "— … —"], **SHORT)
    assert [(row["score"], row["weight"]) for row in found[-3:]] == [(None, 1.0)] * 3
    assert rows(resolve, []) == []
    assert [row["weight"] for row in rows(resolve, [None])] == [1.0]


def test_no_effect_is_said(resolve: Resolve) -> None:
    section = resolve(SoftDedup(), ["the same words", "the same words"]).findings[0]
    assert any(isinstance(block, Prose) and "no effect" in block.text for block in section.blocks)
    texts, _ = corpus()
    section = resolve(SoftDedup.from_options(SHORT), texts).findings[0]
    table = next(block for block in section.blocks if isinstance(block, Table))
    assert sum(row[0] for row in table.rows) == len(texts)
    common = [row[2] for row in table.rows]
    assert common == sorted(common, reverse=True)
    assert sum(isinstance(block, Samples) for block in section.blocks) == 2


def test_a_sample_of_about_the_size_asked_for(tmp_path: Path) -> None:
    texts = [f"{number} " + "word " * 200 for number in range(400)]
    method = SoftDedup.from_options({"sample_bytes": sum(map(len, texts)) // 4})
    found = method.decide(in_memory(method, texts), Resources(str(tmp_path)))
    facts = dict(found.findings[0].blocks[0].facts)  # type: ignore[union-attr]
    trained, total = (float(part) for part in facts["trained on"].removesuffix(" MB").split(" of "))
    assert 0.15 < trained / total < 0.35


def test_too_little_memory_is_an_error_with_advice(tmp_path: Path) -> None:
    method = SoftDedup()
    with pytest.raises(BadOption, match="sample_bytes to 8 or less"):
        method.decide(in_memory(method, ["word " * 1000]), Resources(str(tmp_path), memory_bytes=100))
