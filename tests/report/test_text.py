"""Text of documents: nothing acts, nothing hides, nothing is lost."""

from __future__ import annotations

import html
import re
import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from cupel.report.text import cut, marked, plain, visible

ANY = st.text(st.characters(), max_size=200) | st.text(
    st.sampled_from("a<>&\"'\x00\x1b\r\n\t\u202e\u2066\u200b\ufeff\ud800\U000e0041é東"), max_size=80
)
spans = st.lists(st.tuples(st.integers(-5, 90), st.integers(-5, 90)), max_size=6)


@given(ANY)
def test_visible_leaves_no_control_or_bidi_character(text: str) -> None:
    for letter in visible(text):
        assert letter in "\n\t" or unicodedata.category(letter) not in ("Cc", "Cs"), hex(ord(letter))
        assert unicodedata.bidirectional(letter) not in (
            "LRE",
            "RLE",
            "LRO",
            "RLO",
            "PDF",
            "LRI",
            "RLI",
            "FSI",
            "PDI",
        )


@given(ANY)
def test_visible_twice_is_visible_once(text: str) -> None:
    assert visible(visible(text)) == visible(text)


@given(ANY)
def test_plain_can_stand_in_an_attribute(text: str) -> None:
    assert not set(plain(text)) & set("<>\"'\n")


@given(ANY, spans)
def test_marked_is_the_visible_text_whatever_the_marks(text: str, marks: list[tuple[int, int]]) -> None:
    shown = marked(text, 0, len(text), marks)
    bare = re.sub(r"</?mark>|<i class=\"hidden\">|</i>", "", shown)
    assert "<" not in bare
    # A mark between the two characters of a line end shows the first of them.
    assert html.unescape(bare).replace("⟨CR⟩", "").replace("\n", "") == visible(text).replace(
        "⟨CR⟩", ""
    ).replace("\n", "")


def test_marks_that_touch_are_joined() -> None:
    assert marked("abcdef", 0, 6, [(1, 3), (3, 4), (0, 2)]) == "<mark>abcd</mark>ef"


@given(ANY, spans, st.integers(1, 300))
def test_cut_stays_inside_and_under_its_length(text: str, marks: list[tuple[int, int]], longest: int) -> None:
    piece = cut(text, marks, longest)
    assert 0 <= piece.start <= piece.end <= len(text)
    assert piece.end - piece.start == min(longest, len(text))


def test_cut_shows_a_mark_that_stands_far_in() -> None:
    text = "x" * 100_000
    piece = cut(text, [(90_000, 90_010)], 6000)
    assert piece.start < 90_000 < piece.end


def test_joiners_of_scripts_and_emoji_stay() -> None:
    family, persian = "👩\u200d👧", "می\u200cخواهم"
    assert visible(family) == family
    assert visible(persian) == persian
