"""Soft deduplication: weights fall with commonness, nothing goes, and the order of things does not matter."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from cupel.contract import Clusters, Resources
from cupel.deduplication.softdedup import SoftDedup
from cupel.errors import BadOption
from cupel.findings import Prose, Samples, Table
from cupel.models.ngram import Ngram
from tests.memory_view import MemoryDocuments, MemoryView

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


def decide(texts: list[str | None], rows_in_batch: int = 13, threads: int = 1, **options: object) -> Clusters:
    """What a run decides: fitted, sketched, decided."""
    method = SoftDedup.from_options(options)
    with tempfile.TemporaryDirectory() as folder:
        resources = Resources(threads=threads, artifact=Path(folder))
        method.fit(MemoryDocuments(texts, rows_in_batch), Path(folder), resources)
        sketch = method.prepare(resources)(pa.record_batch({"text": pa.array(texts, pa.large_string())}))
        assert sketch.schema == method.sketch_schema
        return method.decide(MemoryView(sketch, texts, rows_in_batch=rows_in_batch), resources)


def rows(texts: list[str | None], **options: object) -> list[dict]:
    return decide(texts, **options).members.to_pylist()  # type: ignore[arg-type]


def test_the_more_copies_the_less_weight() -> None:
    texts, copies = corpus()
    weighed = rows(texts, **SHORT)
    assert [row["doc"] for row in weighed] == list(range(len(texts)))
    weights = {
        often: {row["weight"] for row, n in zip(weighed, copies, strict=True) if n == often}
        for often in set(copies)
    }
    means = [np.mean(list(weights[often])) for often in (1, 2, 4, 8)]
    assert means == sorted(means, reverse=True)
    assert means[0] > 2 * means[3]
    assert all(row["kept"] and row["cluster"] is None for row in weighed)


def test_weights_follow_one_over_p_within_the_ratio() -> None:
    texts, _ = corpus()
    sizes = np.array([len(text) for text in texts])
    for ratio in (1.0, 1.5, 1e9):
        weighed = rows(texts, max_ratio=ratio, segments=50)
        weights = np.array([row["weight"] for row in weighed])
        assert (weights * sizes).sum() == pytest.approx(sizes.sum())
        spread = weights.max() / weights.min()
        if ratio < 1e9:
            assert spread == pytest.approx(ratio)
    # With no bound in the way: the mean of ln 1/p over a segment, as its documents share a weight.
    scores = np.array([row["score"] for row in weighed])
    for weight in np.unique(weights):
        expected = np.exp(scores.max() - scores[weights == weight].mean())
        assert weight / weights.min() == pytest.approx(
            expected * np.exp(_lowest(scores, weights) - scores.max())
        )


def _lowest(scores: np.ndarray, weights: np.ndarray) -> float:
    """The mean score of the documents of the lowest weight."""
    return float(scores[weights == weights.min()].mean())


def test_scores_are_the_models() -> None:
    texts, _ = corpus()
    expected = Ngram.fit([pa.array(texts)], order=4).log_probs(pa.array(texts)).mean().tolist()
    assert [row["score"] for row in rows(texts)] == expected


def test_batches_threads_and_numbering_change_nothing() -> None:
    texts, _ = corpus()
    small = decide(texts, rows_in_batch=5, **SHORT)
    large = decide(texts, rows_in_batch=64, threads=3, **SHORT)
    assert small.members.equals(large.members)
    turned = decide(texts[::-1], **SHORT).members
    assert turned["weight"].to_pylist()[::-1] == pytest.approx(small.members["weight"].to_pylist())


def test_texts_without_words_weigh_one() -> None:
    texts, _ = corpus()
    weighed = rows([*texts, None, "", "— … —"], **SHORT)
    assert [(row["score"], row["weight"]) for row in weighed[-3:]] == [(None, 1.0)] * 3
    assert rows([]) == []
    assert [row["weight"] for row in rows([None])] == [1.0]


def test_no_effect_is_said() -> None:
    section = decide(["the same words", "the same words"]).findings[0]
    assert any(isinstance(block, Prose) and "no effect" in block.text for block in section.blocks)
    texts, _ = corpus()
    section = decide(texts, **SHORT).findings[0]
    table = next(block for block in section.blocks if isinstance(block, Table))
    assert sum(row[0] for row in table.rows) == len(texts)
    common = [row[2] for row in table.rows]
    assert common == sorted(common, reverse=True)
    assert sum(isinstance(block, Samples) for block in section.blocks) == 2


def test_a_sample_of_about_the_size_asked_for(tmp_path: Path) -> None:
    texts = [f"{number} " + "word " * 200 for number in range(400)]
    method = SoftDedup.from_options({"sample_bytes": sum(map(len, texts)) // 4})
    learned = method.fit(MemoryDocuments(texts), tmp_path, Resources())
    assert 0.15 < learned.about["bytes"] / learned.about["of_bytes"] < 0.35


def test_too_little_memory_is_an_error_with_advice(tmp_path: Path) -> None:
    method = SoftDedup()
    with pytest.raises(BadOption, match="sample_bytes to 8 or less"):
        method.fit(MemoryDocuments(["word " * 1000]), tmp_path, Resources(memory_bytes=100))
