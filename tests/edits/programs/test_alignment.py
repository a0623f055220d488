"""Lines that clean text lacks: against dynamic programming, and on text that is hostile to it."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cupel.edits.programs import alignment
from cupel.edits.programs.alignment import missing_lines, missing_words


def longest_common(first: list[str], second: list[str]) -> int:
    """The length of a longest common subsequence, by the textbook."""
    row = [0] * (len(second) + 1)
    for item in first:
        previous = row
        row = [0]
        for place, other in enumerate(second):
            row.append(previous[place] + 1 if item == other else max(row[-1], previous[place + 1]))
    return row[-1]


@given(st.lists(st.sampled_from("abcd"), max_size=14), st.lists(st.sampled_from("abcd"), max_size=14))
def test_as_many_lines_stay_as_in_a_longest_common_subsequence(noisy: list[str], clean: list[str]) -> None:
    missing = missing_lines("\n".join(noisy), "\n".join(clean))
    kept = [line for line, out in zip("\n".join(noisy).split("\n"), missing, strict=True) if line and not out]
    assert len(kept) == longest_common(noisy, clean)
    remaining = iter(clean)
    assert all(line in remaining for line in kept)  # in their order


def test_white_space_does_not_count_and_blank_lines_stay() -> None:
    missing = missing_lines("Home \n\n  Café  au lait\n \nAbout", "Café au\tlait")
    assert missing.tolist() == [True, False, False, False, True]


@pytest.mark.parametrize("clean", ["", "\n\n", "nothing alike"])
def test_nothing_in_common(clean: str) -> None:
    assert missing_lines("a\nb", clean).tolist() == [True, True]
    assert missing_lines("", clean).tolist() == [False]


def test_repeated_lines_cost_no_more_than_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page of one line a thousand times: the rest is compared exactly."""
    monkeypatch.setattr(alignment, "MAX_PAIRS", 1000)
    rng = random.Random(0)
    words = [f"line {number}" for number in range(100)]
    clean = [line for word in words for line in (word, "---")]
    noisy = [line for entry in clean for line in ([entry, "menu"] if rng.random() < 0.3 else [entry])]
    missing = missing_lines("\n".join(noisy), "\n".join(clean))
    assert all(out == (line == "menu") for line, out in zip(noisy, missing, strict=True) if line != "---")


def test_words_are_recognized_in_other_lines() -> None:
    clean = "The Café opens at nine. It closes late, after ten in 東京 summer.\n\nMenu\n\nIt rains."
    noisy = [
        "Home",
        "The Café opens at nine.",
        "It closes late, after ten",
        "in 東京",
        "summer.",
        "Menu",
        "It rains.",
    ]
    missing = missing_words("\n".join([*noisy, "Our menu is on its way"]), clean)
    assert missing.tolist() == [True, *[False] * 6, True]


def test_a_short_line_stays_only_beside_text() -> None:
    clean = "He went home and slept for a long time."
    assert missing_words("home\nAbout us\nhome", clean).tolist() == [True, True, True]
    wrapped = "He went home and slept\nfor a\nlong time, until it rained"
    assert not missing_words(wrapped, "He went home and slept for a long time, until it rained.").any()
