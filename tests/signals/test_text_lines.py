"""Texts cut into lines: against Python's own, on texts that are hostile to it."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cupel.signals.text_lines import cut, hashes

HOSTILE = [
    "",
    None,
    "\n",
    "\n\n\n",
    " \t",
    "Café\n\n東京",
    "x" * 100_000,
    "\x00\x01\n\x7f",
    "🤰🏖\n👡",
    "a\r\nb\x0bc",
    "last\n",
]
ANY = st.lists(st.text(alphabet=st.sampled_from("ab C1.,|\n é東🤰\r"), max_size=40), max_size=6)
BLANK = set("\t\x0b\x0c\r ")


def lines_of(text: str | None) -> list[tuple[int, str]]:
    parts = enumerate((text or "").split("\n"))
    return [(number, line) for number, line in parts if not set(line) <= BLANK]


@pytest.mark.parametrize("texts", [HOSTILE, [], [None], HOSTILE[::-1]])
def test_lines_are_those_of_python(texts: list[str | None]) -> None:
    check(texts)


@given(ANY)
def test_any_lines_are_those_of_python(texts: list[str]) -> None:
    check(texts)


def check(texts: list[str | None]) -> None:
    column = pa.array(["left out", *texts, "left out"], pa.large_string())
    lines = cut(column.slice(1, len(texts)))
    expected = [lines_of(text) for text in texts]
    assert lines.texts().to_pylist() == [line for part in expected for _, line in part]
    assert lines.numbers.tolist() == [number for part in expected for number, _ in part]
    assert np.diff(lines.documents).tolist() == [len(part) for part in expected]


@given(st.lists(st.text(alphabet="ab \t\n東", max_size=30), max_size=5))
def test_words_are_those_between_white_space(texts: list[str]) -> None:
    lines = cut(pa.array(texts, pa.large_string()))
    words = [line.split() for line in lines.texts().to_pylist()]
    assert lines.count(lines.word_begins).tolist() == list(map(len, words))
    assert lines.distinct_words().tolist() == [len(set(line)) for line in words]


def test_equal_stretches_have_equal_hashes_wherever_they_lie() -> None:
    lines = cut(pa.array(["abc abd", "x abc"]))
    starts, stops = np.array([0, 4, 9]), np.array([3, 7, 12])
    first, other, again = hashes(lines, starts, stops).tolist()
    assert first == again != other
