"""Language identification, against the fasttext package on real text."""

from __future__ import annotations

import contextlib
import io
import json
import struct
from collections.abc import Iterator
from pathlib import Path
from unicodedata import normalize

import numpy as np
import pyarrow as pa
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from cupel import _kernels
from cupel.errors import BadInput, BadOption
from cupel.signals.language import Language, bundled_model
from tests.conftest import examples

fasttext = pytest.importorskip("fasttext")


@pytest.fixture(scope="module")
def peer():
    return fasttext.load_model(str(bundled_model()))


def measured(texts: list[str | None], **options: object) -> pa.RecordBatch:
    documents = pa.record_batch({"text": pa.array(texts, pa.large_string())})
    return Language.from_options(options).measure(documents)


def as_fasttext(texts: list[str | None]) -> pa.RecordBatch:
    """Without what makes texts plainer first."""
    return measured(texts, as_it_is=True)


def differences(peer, texts: list[str]) -> list[tuple[str, object, object]]:
    identified = as_fasttext(texts)
    labels, probabilities = peer.f.multilinePredict(
        [text.replace("\n", " ") + "\n" for text in texts], 1, 0.0, "strict"
    )
    pairs = zip(
        identified["language"].to_pylist(), identified["language_confidence"].to_pylist(), strict=True
    )
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
def test_labels_are_fasttexts_on_multilingual_rows(shared: Path, peer, name: str, thorough: bool) -> None:
    texts = texts_of(shared / "data" / "multilingual" / f"{name}.jsonl.zst", 1_000_000)
    assert len(texts) > 500
    assert differences(peer, texts if thorough else texts[::5]) == []


@pytest.mark.parametrize("name", ["wiki_en", "web_boilerplate", "code", "tweets", "chat_irc"])
def test_labels_are_fasttexts_on_the_pool(shared: Path, peer, name: str, thorough: bool) -> None:
    texts = texts_of(shared / "data" / "pool" / f"{name}.jsonl.zst", 3000 if thorough else 500)
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


@settings(max_examples=examples(300), deadline=None)
@given(
    st.lists(
        st.text(max_size=60).filter(lambda text: text.strip(" \t\n\r\v\f\0") != ""), min_size=1, max_size=20
    )
)
def test_any_text_is_read_as_fasttext_reads_it(peer, texts: list[str]) -> None:
    assert differences(peer, texts) == []


def test_neither_capitals_nor_spaces_nor_marks_change_the_language() -> None:
    texts = [
        "The committee will meet on Thursday to hear what the residents have to say about the new road.",
        "Der Ausschuss trifft sich am Donnerstag und hört, was die Anwohner über die neue Straße sagen.",
        "Комитет соберётся в четверг, чтобы выслушать мнение жителей о новой дороге.",
        "Le comité se réunira jeudi pour écouter l’avis des habitants sur la nouvelle route.",
    ]
    expected = ["en", "de", "ru", "fr"]
    for change in (
        str,
        str.upper,
        lambda text: normalize("NFD", text),
        lambda text: text.replace(" ", "\xa0"),
    ):
        assert measured([change(text) for text in texts])["language"].to_pylist() == expected
    spaced = [text.replace(" ", "\xa0") for text in texts]
    assert as_fasttext(spaced)["language"].to_pylist() != expected, "or there would be nothing to mend"


def test_texts_without_words_have_no_language() -> None:
    columns = measured(["", "  \n\t", None, "\0", "Good morning, everyone."])
    assert columns["language"].to_pylist() == [None, None, None, None, "en"]
    assert columns["language_confidence"].to_pylist()[:4] == [0.0, 0.0, 0.0, 0.0]
    assert columns.schema.types == [pa.large_string(), pa.float64()]


def test_max_bytes_limits_what_is_read() -> None:
    text = "This is English, plainly and beyond doubt. " + "Das ist aber ganz eindeutig Deutsch. " * 50
    assert measured([text], max_bytes=42)["language"].to_pylist() == ["en"]
    assert measured([text])["language"].to_pylist() == ["de"]
    with pytest.raises(BadOption, match="max_bytes"):
        Language.from_options({"max_bytes": 0})


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.string_view()])
def test_every_string_type_is_read(kind: pa.DataType) -> None:
    model = _kernels.LanguageModel(bundled_model().read_bytes())
    columns = pa.record_batch(model.identify(pa.array(["Wo ist der Bahnhof?", None], kind)))
    assert columns["language"].to_pylist() == ["de", None]


def test_labels_are_the_models_own(peer) -> None:
    model = _kernels.LanguageModel(bundled_model().read_bytes())
    assert model.labels == [label.removeprefix("__label__") for label in peer.get_labels()]


LOSSES = {"hs": 1, "ns": 2, "softmax": 3, "ova": 4}
WORDS = [f"{a}{b}" for a in ("ab", "ćd", "ef", "東") for b in range(12)]


def quantised(rng: np.random.Generator, rows: int, columns: int, piece: int, norms: bool) -> bytes:
    """A matrix of product-quantiser codes, as fastText stores it."""

    def quantiser(columns: int, piece: int) -> bytes:
        pieces = -(-columns // piece)
        head = struct.pack("<4i", columns, pieces, piece, columns % piece or piece)
        return head + rng.normal(size=columns * 256).astype("<f4").tobytes()

    pieces = -(-columns // piece)
    codes = rng.integers(0, 256, rows * pieces, dtype=np.uint8).tobytes()
    out = struct.pack("<?qqi", norms, rows, columns, len(codes)) + codes + quantiser(columns, piece)
    return out + (rng.integers(0, 256, rows, dtype=np.uint8).tobytes() + quantiser(1, 1) if norms else b"")


def dense(rng: np.random.Generator, rows: int, columns: int) -> bytes:
    return struct.pack("<qq", rows, columns) + rng.normal(size=rows * columns).astype("<f4").tobytes()


def random_model(loss: str, store: str) -> bytes:
    """A model file with random weights: 49 words, 9 labels, 10 columns, 400 buckets."""
    rng = np.random.default_rng(7)
    buckets, columns = 400, 10
    words = ["</s>", *WORDS]
    labels = [f"__label__l{number}" for number in range(9)]
    kept = rng.permutation(buckets)[:120] if store == "pruned" else np.array([], int)
    out = struct.pack("<2i", 793712314, 12)
    out += struct.pack("<12id", columns, 5, 5, 1, 5, 2, LOSSES[loss], 3, buckets, 2, 3, 100, 1e-4)
    out += struct.pack("<3i2q", len(words) + 9, len(words), 9, 1000, len(kept) if store == "pruned" else -1)
    for word in words:
        out += word.encode() + struct.pack("<xqb", 5, 0)
    for number, label in enumerate(labels):
        out += label.encode() + struct.pack("<xqb", (90, 50, 50, 30, 9, 9, 4, 2, 1)[number], 1)
    for row, bucket in enumerate(kept):
        out += struct.pack("<2i", bucket, row)
    rows = len(words) + (len(kept) if store == "pruned" else buckets)
    if store == "dense":
        return out + b"\0" + dense(rng, rows, columns) + b"\0" + dense(rng, 9, columns)
    both = store == "pruned"
    out += b"\1" + quantised(rng, rows, columns, 3, norms=both) + struct.pack("<?", both)
    return out + (quantised(rng, 9, columns, 4, norms=False) if both else dense(rng, 9, columns))


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("store", ["dense", "quantised", "pruned"])
def test_other_models_predict_as_fasttext(tmp_path: Path, loss: str, store: str) -> None:
    path = tmp_path / "model.bin"
    path.write_bytes(random_model(loss, store))
    rng = np.random.default_rng(3)
    texts = [" ".join(rng.choice([*WORDS, "unseen", "東京", "é"], 6)) for _ in range(300)]
    texts += ["unseen", "ab1 unseen ef2", "</s>", "__label__l1 ab1", "ab1 __label__none ab2", "x"]
    columns = measured(texts, model=str(path), as_it_is=True)
    labels, probabilities = fasttext.load_model(str(path)).predict(texts)
    assert columns["language"].to_pylist() == [label[0].removeprefix("__label__") for label in labels]
    assert len(set(columns["language"].to_pylist())) > 3
    ours = np.array(columns["language_confidence"].to_pylist())
    np.testing.assert_allclose(ours, np.minimum([p[0] for p in probabilities], 1), atol=1e-3)


def test_a_missing_or_broken_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no model file"):
        Language.from_options({"model": str(tmp_path / "none.ftz")})
    broken = tmp_path / "broken.ftz"
    broken.write_bytes(bundled_model().read_bytes()[:50_000])
    with pytest.raises(BadInput, match=r"broken.ftz.*too short"):
        measured(["text"], model=str(broken))


def test_damaged_models_are_refused_or_work() -> None:
    whole = bundled_model().read_bytes()
    rng = np.random.default_rng(1)
    for _ in range(60):
        damaged = bytearray(whole)
        for place in rng.integers(0, len(whole) if rng.random() < 0.5 else 200, 8):
            damaged[place] = rng.integers(0, 256)
        with contextlib.suppress(ValueError):
            _kernels.LanguageModel(bytes(damaged)).identify(pa.array(["some text"]))
    with pytest.raises(ValueError, match="fastText model"):
        _kernels.LanguageModel(whole[:-1])
