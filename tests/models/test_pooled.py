"""The pooled transformer: what it learns that a bag of words cannot, and what its scores do not depend on."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from cupel.errors import BadInput, BadOption
from cupel.models.load import load_model
from cupel.models.pooled import CONFIG, WEIGHTS, PooledClassifier, PooledTraining, train_pooled

SMALL = PooledTraining(vocabulary=400, dim=16, layers=1, heads=2, block=4, max_tokens=64, epochs=12, batch=16)
WORDS = ["sea", "café", "東京", "river", "stone", "cloud"]


def ordered(count: int, seed: int) -> tuple[pa.Array, np.ndarray]:
    """Texts of the same words, of which the positive ones begin with `good` and end with `bad`."""
    draw = np.random.default_rng(seed)
    texts, positive = [], []
    for number in range(count):
        filler = " ".join(draw.choice(WORDS, 12))
        first = bool(number % 2)
        texts.append(
            f"good good good {filler} bad bad bad" if first else f"bad bad bad {filler} good good good"
        )
        positive.append(first)
    return pa.array(texts, pa.large_string()), np.array(positive)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pooled")
    train_pooled(*ordered(400, seed=0), SMALL, folder)
    return folder


def test_it_learns_an_order_that_a_bag_of_words_cannot_see(trained: Path) -> None:
    texts, positive = ordered(100, seed=1)
    scores = PooledClassifier("pooled", trained).classify(texts)
    assert ((scores[:, 1] > 0.5) == positive).mean() > 0.95
    np.testing.assert_allclose(scores.sum(axis=1), 1, atol=1e-6)


def test_no_score_depends_on_the_texts_beside_it(trained: Path) -> None:
    texts = pa.array(["good sea", "", None, "bad " * 500, "東京 🙂", "\x00\ud7ff", "good"], pa.large_string())
    model = load_model(str(trained), "classify")
    together = model.classify(texts)
    alone = np.concatenate([model.classify(texts.slice(place, 1)) for place in range(len(texts))])
    np.testing.assert_array_equal(together, alone)
    assert np.isnan(together[[1, 2]]).all()
    assert np.isfinite(together[[0, 3, 4, 5, 6]]).all()
    np.testing.assert_array_equal(model.classify(texts.slice(3)), together[3:])


def test_what_stands_beyond_the_context_does_not_count(trained: Path) -> None:
    model = PooledClassifier("pooled", trained)
    start = " ".join(["good"] * SMALL.max_tokens)
    scores = model.classify(pa.array([start, start + " bad" * 100]))
    np.testing.assert_array_equal(scores[0], scores[1])


def test_the_same_texts_give_the_same_bytes(tmp_path: Path) -> None:
    import torch

    files = []
    for name, threads in (("first", 1), ("second", 2)):
        folder = tmp_path / name
        folder.mkdir()
        before = torch.get_num_threads()
        torch.set_num_threads(threads)
        train_pooled(*ordered(60, seed=2), PooledTraining(**{**vars(SMALL), "epochs": 1}), folder)
        torch.set_num_threads(before)
        files.append([(folder / file).read_bytes() for file in (WEIGHTS, CONFIG, "tokenizer.json")])
    assert files[0] == files[1]


def test_damage_is_a_sentence(trained: Path, tmp_path: Path) -> None:
    for name in (WEIGHTS, CONFIG, "tokenizer.json"):
        (tmp_path / name).write_bytes((trained / name).read_bytes())
    shape = json.loads((tmp_path / CONFIG).read_text())
    (tmp_path / CONFIG).write_text(json.dumps({**shape, "dim": 32}))
    with pytest.raises(BadInput, match=r"do not fit pooled\.json"):
        PooledClassifier("pooled", tmp_path)
    (tmp_path / WEIGHTS).write_bytes((trained / WEIGHTS).read_bytes()[:1000])
    with pytest.raises(BadInput, match="not a pooled classifier that can be read"):
        PooledClassifier("pooled", tmp_path)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dim": 10, "heads": 4}, "expected a multiple of the 4 heads"),
        ({"max_tokens": 100, "block": 32}, "expected a multiple of the block of 32"),
        ({"epochs": 0}, "epochs is 0"),
        ({"learning_rate": 2.0}, "learning_rate is 2.0"),
    ],
)
def test_shapes_that_cannot_be_are_refused(options: dict[str, float], message: str) -> None:
    with pytest.raises(BadOption, match=message):
        PooledTraining(**options)  # type: ignore[arg-type]


def test_one_class_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="texts of both classes"):
        train_pooled(pa.array(["a", "b"]), np.array([True, True]), SMALL, tmp_path)
