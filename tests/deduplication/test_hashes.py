"""Hashes of texts and of tables, against their plain definitions."""

from __future__ import annotations

import unicodedata

import pyarrow as pa
import pytest
import regex
import xxhash
from hypothesis import given
from hypothesis import strategies as st

from cupel import _kernels

INVISIBLE = regex.compile(r"\p{Default_Ignorable_Code_Point}")
# Invisible characters and combining marks, which meet where a character between them is taken out, come often.
CHARACTERS = st.characters(exclude_categories=["Cs"]) | st.sampled_from(
    "\xad\u034f\u200b\ufeff\u0301\u0323e "
)
TEXTS = st.lists(st.none() | st.text(CHARACTERS), max_size=12)
ROWS = st.lists(st.tuples(st.none() | st.text(), st.none() | st.text()), max_size=12)


def columns(rows: list[tuple[str | None, str | None]]) -> list[pa.Array]:
    left, right = zip(*rows, strict=True) if rows else ((), ())
    return [pa.array(left, pa.large_string()), pa.array(right, pa.string())]


def plain_content_hash(rows: list[tuple[str | None, str | None]]) -> bytes:
    total = 0
    for row in rows:
        data = b""
        for value in row:
            raw = None if value is None else value.encode()
            data += ((1 << 64) - 1 if raw is None else len(raw)).to_bytes(8, "little") + (raw or b"")
        total += xxhash.xxh3_128_intdigest(data)
    return (total % (1 << 128)).to_bytes(16, "big")


@given(TEXTS)
@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.string_view()])
def test_text_hash_is_xxh3_128(kind: pa.DataType, texts: list[str | None]) -> None:
    hashes = _kernels.text_hash(pa.array(texts, kind)).to_pylist()
    assert hashes == [None if t is None else xxhash.xxh3_128_digest(t.encode()) for t in texts]


@given(ROWS, st.randoms(use_true_random=False), st.integers(0, 12))
def test_content_hash_knows_no_order_and_no_parts(rows: list, random: object, cut: int) -> None:
    whole = _kernels.content_hash(columns(rows))
    assert whole == plain_content_hash(rows)
    shuffled = rows.copy()
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    parts = [_kernels.content_hash(columns(part)) for part in (shuffled[:cut], shuffled[cut:])]
    assert _kernels.add_hashes(*parts) == whole


def test_content_hash_tells_rows_apart() -> None:
    rows = [("a", "b"), ("a", "b"), ("ab", ""), ("", "ab"), (None, ""), ("", None)]
    hashes = [_kernels.content_hash(columns(rows[:n])) for n in range(len(rows) + 1)]
    assert len(set(hashes)) == len(rows) + 1
    assert hashes[0] == bytes(16)
    single = {_kernels.content_hash(columns([row])) for row in rows}
    assert len(single) == 5


def test_slices_are_read_from_their_offset() -> None:
    texts = pa.array(["a", "b", "c", "d"], pa.large_string())
    assert _kernels.text_hash(texts.slice(1, 2)).to_pylist() == _kernels.text_hash(texts).to_pylist()[1:3]
    assert _kernels.content_hash([texts.slice(2)]) == _kernels.content_hash([pa.array(["d", "c"])])


@given(TEXTS)
def test_normalized_hash_is_the_hash_of_the_normalised_text(texts: list[str | None]) -> None:
    # U+001C to U+001F are white space to Python, not to Unicode.
    texts = [None if t is None else "".join(c for c in t if c not in "\x1c\x1d\x1e\x1f") for t in texts]
    hashes = _kernels.normalized_hash(pa.array(texts, pa.large_string())).to_pylist()
    for text, value in zip(texts, hashes, strict=True):
        if text is None:
            assert value is None
        else:
            visible = INVISIBLE.sub("", text)
            plain = " ".join(unicodedata.normalize("NFC", visible).split())
            assert value == xxhash.xxh3_128_digest(plain.encode())


def test_options_widen_what_counts_as_equal() -> None:
    texts = pa.array(["It's CAFÉ — “now”!", "its café now", "its  café now"], pa.large_string())

    def distinct(**options: bool) -> int:
        return len(set(_kernels.normalized_hash(texts, **options).to_pylist()))

    assert distinct(collapse_white_space=False) == 3
    assert distinct() == 2
    assert distinct(lowercase=True) == 2
    assert distinct(lowercase=True, strip_punctuation=True) == 1


def test_wrong_columns_are_refused() -> None:
    with pytest.raises(ValueError, match="expected a text column"):
        _kernels.text_hash(pa.array([1]))
    with pytest.raises(ValueError, match="rows"):
        _kernels.content_hash([pa.array(["a"]), pa.array(["a", "b"])])
