"""Labels of fastText models, against the fasttext package."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest

from cupel.errors import BadInput
from cupel.models.fasttext import FastText
from cupel.signals.language import bundled_model

fasttext = pytest.importorskip("fasttext")

TOPICS = {
    "sea": "ship harbour wave tide sailor anchor gull Ærø 海 船",
    "farm": "cow barn wheat plough tractor hen straw Höfe 牛 田",
    "city": "tram square tower crowd traffic lamp café 街 塔 Straße",
    "night": "moon owl star dream lantern frost silence ночь 月 夜",
}
TEXTS = [
    "",
    " ",
    "\n",
    "the ship in the harbour",
    "zzz qqq entirely unknown",
    "船 海 夜",
    "ночь и звезда",
    "a tram\nacross the square\r\nby the tower",
    "wheat\u2028barn\x85hen\x1cstraw\u3000",
    "\u3000\x1f moon owl \xa0",
    "gull </s> tractor tractor",
    "__label__farm gull",
    "__label__unseen gull",
    "tide\0wave\vanchor\fgull",
    "é" * 300,
    "frost " * 200 + "cow",
]


def dclm(text: str) -> str:
    """How DCLM prepares a document for its classifier."""
    return " ".join(text.strip().splitlines())


def training_file(path: Path, seed: int = 1) -> Path:
    rng = np.random.default_rng(seed)
    common = ["the", "a", "of", "and", "in", "was", "by", "with", "over", "under"]
    with path.open("w") as file:
        for _ in range(600):
            # Rare labels make the tree of the hierarchical softmax lopsided.
            label = rng.choice(list(TOPICS), p=[0.5, 0.3, 0.15, 0.05])
            words = rng.choice([*TOPICS[label].split(), *common], rng.integers(3, 12))
            file.write(f"__label__{label} {' '.join(words)}\n")
    return path


def expected(peer, labels: list[str], texts: list[str]) -> npt.NDArray[np.float64]:
    rows = np.zeros((len(texts), len(labels)))
    for row, text in enumerate(texts):
        names, probabilities = peer.predict(dclm(text), k=-1)
        for name, probability in zip(names, probabilities, strict=True):
            rows[row, labels.index(name.removeprefix("__label__"))] = min(probability, 1.0)
    return rows


def assert_same(path: Path, texts: list[str] = TEXTS) -> None:
    peer = fasttext.load_model(str(path))
    model = FastText.load(path)
    assert model.labels == [label.removeprefix("__label__") for label in peer.get_labels()]
    probabilities = model.classify(pa.array(texts))
    assert probabilities.dtype == np.float32
    np.testing.assert_allclose(probabilities, expected(peer, model.labels, texts), atol=1.001e-5, rtol=0)


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return training_file(tmp_path_factory.mktemp("fasttext") / "train.txt")


def model_of(lines: Path, loss: str, **options: int):
    """A model with fastText's dictionary of `lines` and drawn weights: its threads train no two alike."""
    settings = {"dim": 12, "epoch": 1, "lr": 0.1, "bucket": 3000, "wordNgrams": 2, "minn": 2, "maxn": 3}
    # With fewer threads than eleven, fasttext 0.9.2 trains from memory that nobody set.
    model = fasttext.train_supervised(str(lines), loss=loss, thread=11, verbose=0, **settings | options)
    rng = np.random.default_rng(5)
    shapes = model.get_input_matrix().shape, model.get_output_matrix().shape
    model.set_matrices(*(rng.normal(size=shape).astype(np.float32) for shape in shapes))
    return model


@pytest.mark.parametrize("loss", ["softmax", "hs", "ns", "ova"])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"wordNgrams": 1, "minn": 0, "maxn": 0},
        {"wordNgrams": 4, "minn": 0, "maxn": 0, "dim": 40},
        {"minCount": 20},
        {"dim": 3, "wordNgrams": 1},
    ],
    ids=["subwords", "words", "word-4-grams", "rare-words-unknown", "narrow"],
)
def test_every_loss_as_fasttext(tmp_path: Path, lines: Path, loss: str, options: dict[str, int]) -> None:
    path = tmp_path / "model.bin"
    model_of(lines, loss, **options).save_model(str(path))
    assert_same(path)


@pytest.mark.parametrize("loss", ["softmax", "hs", "ns", "ova"])
@pytest.mark.parametrize(
    "options",
    [{}, {"qnorm": True}, {"cutoff": 400}, {"cutoff": 400, "qnorm": True}, {"cutoff": 260, "dsub": 5}],
    ids=["plain", "qnorm", "cutoff", "cutoff-qnorm", "cutoff-dsub"],
)
def test_every_quantization_as_fasttext(
    tmp_path: Path, lines: Path, loss: str, options: dict[str, int]
) -> None:
    path = tmp_path / "model.ftz"
    model = model_of(lines, loss)
    model.quantize(**options)
    model.save_model(str(path))
    assert_same(path)


def test_long_texts_add_up_better_than_in_fasttext(tmp_path: Path, lines: Path) -> None:
    path = tmp_path / "model.bin"
    model_of(lines, "softmax", wordNgrams=1, minn=0, maxn=0).save_model(str(path))
    peer, model = fasttext.load_model(str(path)), FastText.load(path)
    words = ["gull", *["frost", "the"] * 30_000, "</s>"]
    rows = peer.get_input_matrix().astype(np.float64)[[peer.get_word_id(word) for word in words]]
    exact = np.exp(peer.get_output_matrix().astype(np.float64) @ rows.mean(0))
    exact = exact / exact.sum() + 1e-5
    text = " ".join(words)
    ours, theirs = model.classify(pa.array([text]))[0], expected(peer, model.labels, [text])[0]
    np.testing.assert_allclose(ours, exact, atol=3e-5)
    np.testing.assert_allclose(theirs, exact, atol=5e-3)
    assert abs(ours - exact).max() < abs(theirs - exact).max()


def test_a_quantized_output_matrix_as_fasttext(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    lines = tmp_path / "train.txt"
    lines.write_text("".join(f"__label__l{n} w{n} w{n // 7} w{n % 11}\n" for n in rng.integers(0, 300, 5000)))
    model = model_of(lines, "softmax")
    model.quantize(qout=True)
    path = tmp_path / "model.ftz"
    model.save_model(str(path))
    assert_same(path, ["w3 w5", "w299 w42", "", "unknown", *TEXTS])


def test_the_language_model_as_fasttext() -> None:
    assert_same(bundled_model())


def test_the_result_does_not_depend_on_threads(tmp_path: Path, lines: Path) -> None:
    path = tmp_path / "model.bin"
    model_of(lines, "softmax").save_model(str(path))
    model = FastText.load(path)
    texts = pa.array(TEXTS * 40)
    alone = model.classify(texts, threads=1)
    np.testing.assert_array_equal(alone, model.classify(texts, threads=3))
    np.testing.assert_array_equal(alone[100:], model.classify(texts[100:]))


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.string_view()])
def test_every_string_type_and_null(tmp_path: Path, lines: Path, kind: pa.DataType) -> None:
    path = tmp_path / "model.bin"
    model_of(lines, "softmax").save_model(str(path))
    model = FastText.load(path)
    probabilities = model.classify(pa.array(["gull", None, "cow"], kind))
    assert probabilities.shape == (3, 4)
    assert np.isnan(probabilities).tolist() == [[False] * 4, [True] * 4, [False] * 4]
    np.testing.assert_array_equal(probabilities[[0, 2]], model.classify(pa.array(["gull", "cow"])))
    assert model.classify(pa.array([], kind)).shape == (0, 4)
    with pytest.raises(BadInput, match="Int64"):
        model.classify(pa.array([1, 2]))


def test_digest_is_that_of_the_file() -> None:
    path = bundled_model()
    assert FastText.load(path).digest == hashlib.blake2b(path.read_bytes(), digest_size=16).hexdigest()


def test_what_is_no_model_is_named(tmp_path: Path, lines: Path) -> None:
    with pytest.raises(BadInput, match=r"none\.bin: No such file"):
        FastText.load(tmp_path / "none.bin")
    with pytest.raises(BadInput, match="directory"):
        FastText.load(tmp_path)
    broken = tmp_path / "broken.ftz"
    broken.write_bytes(bundled_model().read_bytes()[:50_000])
    with pytest.raises(BadInput, match=r"broken\.ftz: not a usable fastText model: the file is too short"):
        FastText.load(broken)
    vectors = tmp_path / "vectors.bin"
    fasttext.train_unsupervised(str(lines), dim=4, bucket=50, verbose=0, thread=11).save_model(str(vectors))
    with pytest.raises(BadInput, match="not trained to predict labels"):
        FastText.load(vectors)
