"""The encoder gives the tokens of `tokenizers`, on real documents, on random ones and on odd ones."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from cupel.errors import BadInput, BadOption
from cupel.models.encoder import Encoder

tokenizers = pytest.importorskip("tokenizers")

CL100K = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
END = "<|endoftext|>"
# Words, scripts and characters that the patterns treat in ways of their own.
PIECES = [
    *["'", "'s", "'S", "'ſ", "'re", "'RE", "'Ll", "'ve", "'d", "'m", "'t", "’s", "''", "don't", "I'M", "s"],
    *[" ", "  ", "\t", "\n", "\r\n", "\r", "\x0b", "\x1c", "\x1f", "\x85", "\xa0", "\u1680", "\u2003"],
    *["\u2028", "\u2029", "\u202f", "\u205f", "\u3000", "\ufeff", "\u200b", "\xad", "\x00", "\x7f", "\ufffd"],
    *[
        "a",
        "Z",
        "zażółć",
        "Ünï",
        "東京都",
        "ไทย",
        "हिन्दी",
        "עִבְרִית",
        "العربية",
        "한국어",
        "e\u0301",
        "\u0301",
        "ª",
        "ˈ",
    ],
    *["1", "1234567", "٣٤", "½", "Ⅷ", "𝟗", "²", "3a", "!", "...", "_", "#!/", "--", "€", "≠", "🙂"],
    *["👩\u200d👩\u200d👧", END, "<|im_start|>", "𐍈", "\U0001e900", "\u16ee", "\u0488", "ǅ", "\U0010ffff"],
]
ODD = [
    *[
        "",
        "'",
        "''",
        "'s",
        "it's",
        "IT'S",
        "it'S",
        " 's",
        "!'s",
        "'ſ",
        "e\u0301e",
        "\u0301",
        "👩\u200d👩\u200d👧 🙂",
    ],
    *[
        "a\x85b",
        "a\xa0b",
        "a \u2028 b",
        "\u2028\u2028x",
        "  a",
        "a  ",
        " \n \n x",
        "\n\n\nx",
        "x\n",
        "\r\n\r\n  y",
    ],
    *[
        END,
        f"a{END}b",
        f" {END} ",
        "<|im_start|>user",
        "12345678 1",
        "x=3;",
        "\ufeffa",
        "\x1c\x1fa",
        "--\n\n--",
    ],
    *[
        "a" * (1 << 20),
        "ab" * 5000,
        " " * 5000 + "x",
        "\n" * 5000,
        "東" * 5000,
        "1" * 5000,
        "-" * 5000,
        "🙂" * 3000,
    ],
]


def train(vocabulary: int, texts: Sequence[str], pattern: str = "", special: Sequence[str] = ()) -> Any:
    parts = tokenizers.pre_tokenizers
    model = tokenizers.Tokenizer(tokenizers.models.BPE())
    model.pre_tokenizer = parts.ByteLevel(add_prefix_space=False)
    if pattern:
        split = parts.Split(tokenizers.Regex(pattern), "isolated")
        model.pre_tokenizer = parts.Sequence(
            [split, parts.ByteLevel(add_prefix_space=False, use_regex=False)]
        )
    alphabet = parts.ByteLevel.alphabet()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=vocabulary - 1,
        initial_alphabet=alphabet,
        show_progress=False,
        special_tokens=list(special),
    )
    model.train_from_iterator(texts, trainer)
    return model


def file_of(model: Any, **changes: Any) -> bytes:
    """The file of a tokenizer, the end of text the last token of its vocabulary, with changes to its model."""
    held = json.loads(model.to_str())
    held["model"]["vocab"][END] = max(held["model"]["vocab"].values()) + 1
    held["model"].update(changes)
    return json.dumps(held).encode()


def encoder_of(file: bytes) -> Encoder:
    vocabulary = json.loads(file)["model"]["vocab"]
    return Encoder(file, vocabulary[END], max(vocabulary.values()) + 1)


def assert_same(file: bytes, texts: Sequence[str]) -> None:
    """The kernel's tokens of every text are those of `tokenizers`, special tokens as plain letters."""
    encoder = encoder_of(file)
    assert encoder.native, encoder.reason
    tokens, offsets = encoder.encode(pa.array(texts, pa.large_string()))
    assert tokens.dtype == encoder.dtype
    assert len(offsets) == len(texts) + 1
    assert (offsets[0], offsets[-1]) == (0, len(tokens))
    theirs = tokenizers.Tokenizer.from_buffer(file)
    theirs.encode_special_tokens = True
    encodings = theirs.encode_batch_fast(list(texts), add_special_tokens=False)
    for text, start, end, expected in zip(texts, offsets[:-1], offsets[1:], encodings, strict=True):
        assert tokens[start:end].tolist() == [*expected.ids, encoder.end_of_text], text[:200]


@pytest.fixture(scope="session")
def documents(shared: Path) -> list[str]:
    """Beginnings of documents of 22 domains, code among them, and of some hundred languages."""
    return [text[:400] for text in first_texts(shared, 200)]


def first_texts(shared: Path, each: int) -> Iterator[str]:
    """The first texts of each pool, and as many of each file of languages, which is sorted, evenly."""
    for path in sorted((shared / "data").glob("pool/*.zst")):
        with zstandard.open(path, "rt", encoding="utf-8") as lines:
            yield from (json.loads(line)["text"] for line in islice(lines, each))
    for path in sorted((shared / "data").glob("multilingual/*.zst")):
        with zstandard.open(path, "rt", encoding="utf-8") as file:
            lines = file.read().splitlines()
        rows = map(json.loads, lines[:: max(1, len(lines) // each)][:each])
        yield from (row.get("text") or row["context"] for row in rows)


@pytest.fixture(scope="module")
def file() -> bytes:
    return file_of(train(700, PIECES * 3 + [f"{left}{right}" for left in PIECES for right in PIECES]))


@pytest.fixture(scope="module")
def cl100k_file() -> bytes:
    return file_of(train(700, [f"{left}{right}" for left in PIECES for right in PIECES], pattern=CL100K))


@pytest.mark.parametrize("vocabulary", [270, 2048, pytest.param(32_000, marks=pytest.mark.slow)])
def test_real_documents(vocabulary: int, documents: list[str]) -> None:
    assert len(documents) >= 5000
    assert_same(file_of(train(vocabulary, documents)), documents)


def test_real_documents_by_the_pattern_of_cl100k(documents: list[str]) -> None:
    assert_same(file_of(train(4096, documents[::5], pattern=CL100K)), documents[::2])


def test_odd_texts(file: bytes, cl100k_file: bytes) -> None:
    assert_same(file, ODD)
    assert_same(cl100k_file, ODD)


mixtures = st.one_of(st.lists(st.sampled_from(PIECES), max_size=60).map("".join), st.text(max_size=100))


@given(texts=st.lists(mixtures, max_size=8))
def test_random_texts(file: bytes, cl100k_file: bytes, texts: list[str]) -> None:
    assert_same(file, texts)
    assert_same(cl100k_file, texts)


def test_every_code_point_is_of_the_same_class(file: bytes, cl100k_file: bytes) -> None:
    """Whatever the Unicode version of `tokenizers` says; planes without letters are looked at here and there."""
    codes = [*range(0xD800), *range(0xE000, 0x32400), *range(0x32400, 0x110000, 97), *range(0xE0000, 0xE0200)]
    points = [chr(code) for code in codes]
    texts = [
        "".join(f"{c}a 1{c}" for c in points[start : start + 512]) for start in range(0, len(points), 512)
    ]
    texts += ["".join(f"'{c}a  {c}" for c in points[:0x3000])]
    assert_same(file, texts)
    assert_same(cl100k_file, texts)


def test_whole_words_where_merges_are_ignored(documents: list[str]) -> None:
    model = train(3000, documents[::20])
    vocabulary = json.loads(model.to_str())["model"]["vocab"]
    vocabulary |= {word: 5000 + number for number, word in enumerate(["Ġthrough", "Ġqxz", "東京", "Ã©q"])}
    texts = [*documents[::20], "a qxz through éq 東京 qxzz"]
    assert_same(file_of(model, vocab=vocabulary | {END: 6000}, ignore_merges=True), texts)
    assert_same(file_of(model, vocab=vocabulary | {END: 6000}), texts)


def test_special_tokens_in_a_text_are_letters_and_unknown_tokens_never_come(documents: list[str]) -> None:
    model = train(600, documents[::20], special=["<|im_start|>"])
    assert_same(file_of(model, unk_token="<|im_start|>", fuse_unk=True), [*ODD[:40], *documents[::40]])


def test_tokens_of_four_bytes_where_the_vocabulary_is_large(file: bytes) -> None:
    held = json.loads(file)
    held["model"]["vocab"][END] = 70_000
    assert encoder_of(json.dumps(held).encode()).dtype == np.uint32
    assert_same(json.dumps(held).encode(), ODD)


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.string_view()])
def test_slices_of_any_type_of_string_on_any_number_of_threads(file: bytes, kind: pa.DataType) -> None:
    texts = [f"{left} {right}" for left in PIECES for right in PIECES] * 5
    encoder = encoder_of(file)
    expected = encoder.encode(pa.array(texts[5:-5], pa.large_string()), threads=1)
    encoded = encoder.encode(pa.array(texts, kind)[5:-5], threads=3)
    for ours, theirs in zip(encoded, expected, strict=True):
        np.testing.assert_array_equal(ours, theirs)


CHANGES: dict[str, dict[str, Any]] = {
    "a normaliser": {"normalizer": {"type": "NFC"}},
    "a prefix space": {
        "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True}
    },
    "another pre-tokenizer": {
        "pre_tokenizer": {
            "type": "Sequence",
            "pretokenizers": [
                {"type": "Digits", "individual_digits": True},
                {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True},
            ],
        }
    },
    "an added token": {
        "added_tokens": [
            {"id": 0, "content": "!", "single_word": False, "lstrip": False}
            | {"rstrip": True, "normalized": False, "special": False}
        ]
    },
    "truncation": {
        "truncation": {"direction": "Right", "max_length": 3, "strategy": "LongestFirst", "stride": 0}
    },
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_the_kernel_does_not_follow_is_left_to_tokenizers(change: str, file: bytes) -> None:
    changed = json.dumps(json.loads(file) | CHANGES[change]).encode()
    encoder = encoder_of(changed)
    assert not encoder.native
    assert encoder.reason
    texts = ["It's 123 things! Yes", "", "e\u0301"]
    tokens, offsets = encoder.encode(pa.array(texts))
    theirs = tokenizers.Tokenizer.from_buffer(changed)
    theirs.no_truncation()
    ids = [theirs.encode(text, add_special_tokens=False).ids for text in texts]
    assert [tokens[a:b].tolist() for a, b in pairwise(offsets)] == [
        [*row, encoder.end_of_text] for row in ids
    ]
    assert (tokens.dtype, offsets.dtype) == (np.uint16, np.int64)
    nothing, only = encoder.encode(pa.array([], pa.string()))
    assert (len(nothing), only.tolist()) == (0, [0])


def test_both_ways_give_the_same(file: bytes) -> None:
    ours = encoder_of(file)
    held = json.loads(file) | {"padding": None}
    held["model"]["vocab"] |= {"unused": held["model"]["vocab"][END] + 1}
    held["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": [held["pre_tokenizer"]]}
    theirs = Encoder(json.dumps(held).encode(), ours.end_of_text, ours.vocabulary + 1)
    assert (ours.native, theirs.native) == (True, False)
    texts = pa.array(ODD[:-8] + PIECES)
    for own, peer in zip(ours.encode(texts), theirs.encode(texts), strict=True):
        np.testing.assert_array_equal(own, peer)
        assert own.dtype == peer.dtype


def test_what_cannot_be_is_refused(file: bytes) -> None:
    vocabulary = encoder_of(file).vocabulary
    with pytest.raises(BadOption, match="below the vocabulary"):
        Encoder(file, vocabulary, vocabulary)
    with pytest.raises(BadInput, match=f"has a token {vocabulary - 1}"):
        Encoder(file, 5, vocabulary - 1)
    with pytest.raises(BadInput, match=r"no tokenizer\.json"):
        Encoder(b"{}", 5, 10)
    with pytest.raises(BadInput, match="1 texts are null"):
        encoder_of(file).encode(pa.array(["a", None]))
