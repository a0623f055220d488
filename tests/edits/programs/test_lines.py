"""Lines and their features: against Python's own, and the same whatever else is in a batch."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cupel.edits.programs.features import line_features, page_features, with_neighbors
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


def test_features_are_what_their_names_say() -> None:
    text = "Home | About\nThe Café, which opened in 1924, serves the best cakes.\nHome | About\nhttps://a.org x x x"
    lines = cut(pa.array([text]))
    features = line_features(lines, lines.texts())
    assert features["characters"].tolist() == [12, 54, 12, 19]
    assert features["words"].tolist() == [3, 10, 3, 4]
    assert features["capitalized words"].tolist() == [2 / 3, 0.2, 2 / 3, 0]
    assert features["terminal mark"].tolist() == [0, 1, 0, 0]
    assert features["prose"].tolist() == [0, 1, 0, 0]
    assert features["commas"].tolist() == [0, 2, 0, 0]
    assert features["digits"].round(6).tolist() == [0, round(4 / 54, 6), 0, 0]
    assert features["repeats"].tolist() == [1, 0, 1, 0]
    assert features["distinct words"].tolist() == [1, 1, 1, 0.5]
    assert features["addresses"].tolist() == [0, 0, 0, 0.5]  # the scheme and the domain
    assert features["from the start"].tolist() == [0, 1, 2, 3]
    assert features["characters after"].tolist() == [54, 12, 19, -1]
    assert features["prose within 1"].round(6).tolist() == [0.5, round(1 / 3, 6), round(1 / 3, 6), 0]


@given(ANY)
def test_a_text_is_measured_alone_as_among_others(texts: list[str]) -> None:
    def measured(column: list[str]) -> dict[str, np.ndarray]:
        lines = cut(pa.array(column, pa.large_string()))
        features = line_features(lines, lines.texts())
        scores = with_neighbors(lines, "s", features["marks"])
        pages = page_features(lines, features["marks"], features)
        return {**features, **scores, **{f"page {name}": values for name, values in pages.items()}}

    together = measured(texts)
    alone = [measured([text]) for text in texts]
    for name, values in together.items():
        expected = np.concatenate([part[name] for part in alone]) if alone else np.zeros(0)
        np.testing.assert_array_equal(values, expected, err_msg=name)


def test_equal_stretches_have_equal_hashes_wherever_they_lie() -> None:
    lines = cut(pa.array(["abc abd", "x abc"]))
    starts, stops = np.array([0, 4, 9]), np.array([3, 7, 12])
    first, other, again = hashes(lines, starts, stops).tolist()
    assert first == again != other
