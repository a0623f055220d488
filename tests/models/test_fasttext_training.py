"""Training of classifiers, and fastText reading what came of it."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import zstandard
from sklearn.metrics import roc_auc_score

from cupel.errors import BadInput, BadOption
from cupel.models.fasttext import FastText, FastTextTraining, train

fasttext = pytest.importorskip("fasttext")

SMALL = FastTextTraining(dim=8, epochs=3, buckets=500)
WORDS = {
    "sea": "ship harbour wave tide 海",
    "farm": "cow barn wheat plough 牛",
    "city": "tram square tower café",
}


def examples(count: int, seed: int = 0) -> tuple[list[str], list[str]]:
    """Texts sorted by label, most of whose words say nothing."""
    rng = np.random.default_rng(seed)
    labels = sorted(rng.choice(list(WORDS), count, p=[0.2, 0.3, 0.5]))
    common = [f"w{number}" for number in range(60)]
    texts = [
        " ".join(rng.permutation([*rng.choice(common, 15), *rng.choice(WORDS[label].split(), 2)]))
        for label in labels
    ]
    return texts, [str(label) for label in labels]


def trained(options: FastTextTraining = SMALL, count: int = 300) -> FastText:
    texts, labels = examples(count)
    return FastText(train(pa.array(texts), pa.array(labels), options))


@pytest.mark.parametrize(
    "options",
    [
        SMALL,
        FastTextTraining(dim=5, epochs=2, word_ngrams=1),
        FastTextTraining(
            dim=20, epochs=2, word_ngrams=3, min_count=5, min_subword=2, max_subword=4, buckets=1000
        ),
        FastTextTraining(dim=16, epochs=1, word_ngrams=1, min_subword=1, max_subword=2, buckets=7, seed=9),
    ],
    ids=["bigrams", "words", "everything", "few-buckets"],
)
def test_fasttext_reads_the_file(tmp_path: Path, options: FastTextTraining) -> None:
    texts, labels = examples(300)
    path = tmp_path / "model.bin"
    path.write_bytes(train(pa.array(texts), pa.array(labels), options))
    model, peer = FastText.load(path), fasttext.load_model(str(path))
    assert model.labels == ["city", "farm", "sea"]  # by frequency
    assert peer.get_labels() == [f"__label__{label}" for label in model.labels]
    words, counts = peer.get_words(include_freq=True)
    expected = np.unique(" ".join([*texts, *["</s>"] * len(texts)]).split(), return_counts=True)
    kept = {word: count for word, count in zip(*expected, strict=True) if count >= options.min_count}
    assert dict(zip(words, counts, strict=True)) == kept
    assert list(counts) == sorted(counts, reverse=True)
    assert peer.get_dimension() == options.dim
    unseen = [*texts[::10], "", "unseen words", "tram\nplough", "海 牛 東"]
    probabilities = model.classify(pa.array(unseen))
    for row, text in zip(probabilities, unseen, strict=True):
        names, probabilities = peer.predict(" ".join(text.splitlines()), k=-1)
        order = [model.labels.index(name.removeprefix("__label__")) for name in names]
        np.testing.assert_allclose(row[order], np.minimum(probabilities, 1), atol=1e-5)


def test_it_learns_from_texts_sorted_by_label() -> None:
    model = trained(FastTextTraining(dim=10, epochs=30, learning_rate=0.5, buckets=2000), 600)
    texts, labels = examples(200, seed=1)
    best = model.classify(pa.array(texts)).argmax(1)
    assert np.mean([model.labels[place] == label for place, label in zip(best, labels, strict=True)]) > 0.95


def test_the_same_seed_makes_the_same_model() -> None:
    assert trained().digest == trained().digest
    assert trained().digest != trained(FastTextTraining(dim=8, epochs=3, buckets=500, seed=1)).digest


def test_one_step_is_the_gradient() -> None:
    """Of two texts, one epoch long: each step against the derivative of its cross-entropy."""
    texts, labels = ["one two", "two three"], ["a", "b"]
    rate, dim = 0.5, 6

    def matrices(data: bytes) -> tuple[np.ndarray, np.ndarray]:
        output = np.frombuffer(data[-4 * 2 * dim :], "<f4").reshape(2, dim)
        start = len(data) - (4 * 2 * dim + 17) - 4 * 4 * dim
        return np.frombuffer(data[start : start + 4 * 4 * dim], "<f4").reshape(4, dim), output

    def step(inputs, outputs, text, label, rate):
        rows = [words.index(word) for word in [*text.split(), "</s>"]]
        hidden = inputs[rows].mean(0)
        p = np.exp(outputs @ hidden)
        error = np.eye(2)[label] - p / p.sum()
        change = rate * (error @ outputs) / len(rows)
        outputs = outputs + rate * np.outer(error, hidden)
        inputs = inputs.copy()
        inputs[rows] += change
        return inputs, outputs

    words = ["</s>", "two", "one", "three"]  # by frequency, then as first seen
    start = FastTextTraining(dim=dim, learning_rate=1e-30, word_ngrams=1, epochs=1)
    before, zero = matrices(train(pa.array(texts), pa.array(labels), start))
    assert 0.5 / dim < abs(before).max() <= 1 / dim
    assert abs(zero).max() < 1e-29
    whole = FastTextTraining(dim=dim, learning_rate=rate, word_ngrams=1, epochs=1)
    after = matrices(train(pa.array(texts), pa.array(labels), whole))
    ways = []
    for order in ((0, 1), (1, 0)):
        inputs, outputs = before.astype(float), np.zeros((2, dim))
        seen = 0
        for which in order:
            inputs, outputs = step(inputs, outputs, texts[which], which, rate * (1 - seen / 8))
            seen += 4
        ways.append(max(abs(inputs - after[0]).max(), abs(outputs - after[1]).max()))
    assert min(ways) < 1e-6 < max(ways)
    assert abs(after[0] - before).max() > 1e-4


@pytest.mark.parametrize(
    ("texts", "labels", "says"),
    [
        (["a", "b"], ["x"], "2 texts but 1 labels"),
        (["a", None], ["x", "y"], "the text in row 1 is null"),
        (["a", "b"], [None, "y"], "the label in row 0 is null"),
        (["a", "b"], ["x", "x"], "at least two labels, got only 'x'"),
        ([], [], "at least two labels, got none"),
        (["a", "b"], ["x", "two words"], "row 1 is 'two words'"),
        (["a", "b"], ["", "y"], "row 0 is ''"),
        (["a", "b"], ["x\0", "y"], r"row 0 is 'x\\0'"),
        (["", " \n"], ["x", "y"], "no text holds a word"),
        ([1, 2], ["x", "y"], "Int64"),
    ],
)
def test_what_cannot_be_learned_from_is_named(texts: list, labels: list, says: str) -> None:
    with pytest.raises(BadInput, match=says):
        train(pa.array(texts), pa.array(labels), SMALL)


def test_divergence_and_options_out_of_range_are_named() -> None:
    texts, labels = examples(50)
    with pytest.raises(BadInput, match=r"diverged with learning_rate 1\d+.*smaller"):
        train(pa.array(texts), pa.array(labels), FastTextTraining(dim=8, buckets=500, learning_rate=1e30))
    with pytest.raises(BadInput, match="does not fit in memory"):
        train(pa.array(texts), pa.array(labels), FastTextTraining(dim=65536, buckets=2**31 - 1))
    for name, value in {
        "dim": 0,
        "epochs": 0,
        "learning_rate": float("nan"),
        "word_ngrams": 33,
        "min_count": 0,
        "max_subword": 40,
        "buckets": 0,
        "seed": -1,
    }.items():
        with pytest.raises(BadOption, match=f"{name} is {value}"):
            FastTextTraining(**{name: value})
    with pytest.raises(BadOption, match="min_subword is 4, expected 1 to 3"):
        FastTextTraining(min_subword=4, max_subword=3)


def test_tokens_that_fasttext_reads_otherwise() -> None:
    """A literal end of line ends the text; what looks like a label is no word."""
    texts, labels = examples(100)
    odd = [f"{text} __label__sea </s> cow cow" for text in texts]
    assert train(pa.array(texts), pa.array(labels), SMALL) == train(pa.array(odd), pa.array(labels), SMALL)


@pytest.mark.slow
def test_it_separates_real_texts_as_fasttext_does(shared: Path, tmp_path: Path) -> None:
    rows = [
        (json.loads(line)["text"][:3000], label)
        for name, label in (("wiki_en", "hq"), ("news", "hq"), ("web_crawl", "cc"), ("web_boilerplate", "cc"))
        for line in _lines(shared / "data" / "pool" / f"{name}.jsonl.zst", 1200)
    ]
    rng = np.random.default_rng(0)
    rows = [rows[place] for place in rng.permutation(len(rows))]
    held, learned = rows[: len(rows) // 3], rows[len(rows) // 3 :]
    is_good = [label == "hq" for _, label in held]
    texts, labels = zip(*learned, strict=True)
    options = FastTextTraining(buckets=100_000, learning_rate=0.5)
    model = FastText(train(pa.array(texts), pa.array(labels), options))
    ours = model.classify(pa.array([text for text, _ in held]))[:, model.labels.index("hq")]
    path = tmp_path / "train.txt"
    path.write_text("".join(f"__label__{label} {_one_line(text)}\n" for text, label in learned))
    peer = fasttext.train_supervised(str(path), lr=0.5, wordNgrams=2, bucket=100_000, thread=12, verbose=0)
    predicted, probabilities = peer.predict([_one_line(text) for text, _ in held], k=1)
    theirs = [
        p[0] if label[0] == "__label__hq" else 1 - p[0]
        for label, p in zip(predicted, probabilities, strict=True)
    ]
    assert abs(roc_auc_score(is_good, ours) - roc_auc_score(is_good, theirs)) < 0.005
    assert roc_auc_score(is_good, ours) > 0.9


def _one_line(text: str) -> str:
    return " ".join(text.strip().splitlines())


def _lines(path: Path, limit: int) -> list[str]:
    with path.open("rb") as file:
        stream = io.TextIOWrapper(zstandard.ZstdDecompressor().stream_reader(file), encoding="utf-8")
        return [line for line, _ in zip(stream, range(limit), strict=False)]
