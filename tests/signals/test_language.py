"""Language identification, against the fasttext package on real text."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from cupel import _kernels
from cupel.errors import BadInput, BadOption
from cupel.signals.language import Language, bundled_model

fasttext = pytest.importorskip("fasttext")


@pytest.fixture(scope="module")
def peer():
    return fasttext.load_model(str(bundled_model()))


def measured(texts: list[str | None], **options: object) -> pa.RecordBatch:
    documents = pa.record_batch({"text": pa.array(texts, pa.large_string())})
    return Language.from_options(options).measure(documents)


def differences(peer, texts: list[str]) -> list[tuple[str, object, object]]:
    found = measured(texts)
    labels, probabilities = peer.f.multilinePredict(
        [text.replace("\n", " ") + "\n" for text in texts], 1, 0.0, "strict"
    )
    pairs = zip(found["language"].to_pylist(), found["language_confidence"].to_pylist(), strict=True)
    expected = [
        (label[0].removeprefix("__label__"), float(p[0]))
        for label, p in zip(labels, probabilities, strict=True)
    ]
    return [
        (text[:60], ours, theirs)
        for text, ours, theirs in zip(texts, pairs, expected, strict=True)
        if ours[0] != theirs[0] or abs(ours[1] - theirs[1]) > 1e-3
    ]


def texts_of(path: Path, limit: int) -> list[str]:
    return [row["text"] for row, _ in zip(rows_of(path), range(limit), strict=False) if row["text"].strip()]


def rows_of(path: Path) -> Iterator[dict]:
    with path.open("rb") as file:
        for line in io.TextIOWrapper(zstandard.ZstdDecompressor().stream_reader(file), encoding="utf-8"):
            yield json.loads(line)


@pytest.mark.parametrize(
    "name",
    ["bible_verses", "novels_fr_de", "tatoeba_sentences", "udhr", "wikipedia_samples", "xquad_paragraphs"],
)
def test_labels_are_fasttexts_on_every_multilingual_row(shared: Path, peer, name: str) -> None:
    texts = texts_of(shared / "data" / "multilingual" / f"{name}.jsonl.zst", 1_000_000)
    assert len(texts) > 500
    assert differences(peer, texts) == []


@pytest.mark.parametrize("name", ["wiki_en", "web_boilerplate", "code", "tweets", "chat_irc"])
def test_labels_are_fasttexts_on_the_pool(shared: Path, peer, name: str) -> None:
    texts = texts_of(shared / "data" / "pool" / f"{name}.jsonl.zst", 3000)
    assert differences(peer, texts) == []


HOSTILE = [
    "a",
    "中",
    "é",
    "\u202e" * 50,
    "hello \0 world",
    "hi </s> dort",
    "</s> bonjour",
    "__label__fr bonjour le monde",
    "x" * 100_000,
    "\u0301" * 3000,
    "a " * 20_000,
    "🏳️‍🌈" * 500,
    "<>< >< <>",
    "\x1c\x1d\x85\u2028 mixed\u3000separators",
    "word\vword\fword\rword",
]


def test_odd_texts_are_read_as_fasttext_reads_them(peer) -> None:
    assert differences(peer, HOSTILE) == []


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.text(max_size=60).filter(lambda text: text.strip(" \t\n\r\v\f\0") != ""), min_size=1, max_size=20
    )
)
def test_any_text_is_read_as_fasttext_reads_it(texts: list[str]) -> None:
    peer = fasttext.load_model(str(bundled_model()))
    assert differences(peer, texts) == []


def test_texts_without_words_have_no_language() -> None:
    found = measured(["", "  \n\t", None, "\0", "Good morning, everyone."])
    assert found["language"].to_pylist() == [None, None, None, None, "en"]
    assert found["language_confidence"].to_pylist()[:4] == [0.0, 0.0, 0.0, 0.0]
    assert found.schema.types == [pa.large_string(), pa.float64()]


def test_max_bytes_limits_what_is_read() -> None:
    text = "This is English, plainly and beyond doubt. " + "Das ist aber ganz eindeutig Deutsch. " * 50
    assert measured([text], max_bytes=42)["language"].to_pylist() == ["en"]
    assert measured([text])["language"].to_pylist() == ["de"]
    with pytest.raises(BadOption, match="max_bytes"):
        Language.from_options({"max_bytes": 0})


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.string_view()])
def test_every_string_type_is_read(kind: pa.DataType) -> None:
    model = _kernels.LanguageModel(bundled_model().read_bytes())
    found = pa.record_batch(model.identify(pa.array(["Wo ist der Bahnhof?", None], kind)))
    assert found["language"].to_pylist() == ["de", None]


def test_labels_are_the_models_own(peer) -> None:
    model = _kernels.LanguageModel(bundled_model().read_bytes())
    assert model.labels == [label.removeprefix("__label__") for label in peer.get_labels()]


@pytest.mark.parametrize("loss", ["hs", "softmax", "ns", "ova"])
@pytest.mark.parametrize("quantised", [False, True])
def test_other_models_predict_as_fasttext(tmp_path: Path, loss: str, quantised: bool) -> None:
    rng = np.random.default_rng(7)
    words = {label: [f"{label}{i}" for i in range(60)] for label in ("ab", "cd", "ef", "gh")}
    lines = [
        f"__label__{label} {' '.join(rng.choice(pool, 8))}"
        for label, pool in words.items()
        for _ in range(60)
    ]
    (tmp_path / "train.txt").write_text("\n".join(lines) + "\n")
    trained = fasttext.train_supervised(
        str(tmp_path / "train.txt"),
        loss=loss,
        dim=10,
        bucket=400,
        minn=2,
        maxn=3,
        wordNgrams=2,
        epoch=5,
        thread=1,
        verbose=0,
    )
    if quantised:
        trained.quantize(str(tmp_path / "train.txt"), cutoff=300, qnorm=True, qout=False, dsub=3, verbose=0)
    path = tmp_path / "model.bin"
    trained.save_model(str(path))
    texts = [" ".join(rng.choice([word for pool in words.values() for word in pool], 6)) for _ in range(200)]
    texts += ["unseen", "ab1 unseen ef2"]
    found = measured(texts, model=str(path))
    labels, probabilities = trained.predict(texts)
    assert found["language"].to_pylist() == [label[0].removeprefix("__label__") for label in labels]
    ours = np.array(found["language_confidence"].to_pylist())
    np.testing.assert_allclose(ours, np.minimum([p[0] for p in probabilities], 1), atol=1e-3)


def test_a_missing_or_broken_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no model file"):
        Language.from_options({"model": str(tmp_path / "none.ftz")})
    broken = tmp_path / "broken.ftz"
    broken.write_bytes(bundled_model().read_bytes()[:50_000])
    with pytest.raises(BadInput, match=r"broken.ftz.*ends inside"):
        measured(["text"], model=str(broken))


def test_damaged_models_are_refused_or_work() -> None:
    whole = bundled_model().read_bytes()
    rng = np.random.default_rng(1)
    for _ in range(60):
        damaged = bytearray(whole)
        for place in rng.integers(0, len(whole) if rng.random() < 0.5 else 200, 8):
            damaged[place] = rng.integers(0, 256)
        try:
            model = _kernels.LanguageModel(bytes(damaged))
        except ValueError as error:
            assert "fastText model" in str(error)
        else:
            model.identify(pa.array(["some text"]))
