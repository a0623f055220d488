"""RefinedWeb's lines and white space."""

from __future__ import annotations

import re
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from cupel.contract import Edit
from cupel.edits.refinedweb_lines import RefinedWebLines
from cupel.edits.whitespace import Whitespace
from cupel.errors import BadOption

from ..rules.dclm_reference import corrected, removed_word_fraction
from ..signals.texts import real_texts


def edited(
    edit: type[Edit], texts: list[str | None], **options: object
) -> tuple[list[str | None], list[dict]]:
    result = edit.from_options(options).edit(pa.record_batch({"text": pa.array(texts, pa.large_string())}))
    return result.text.to_pylist(), pa.table(dict(result.columns)).to_pylist()


def test_refinedweb_golden() -> None:
    page = (
        "SHOP NOW ONLINE\n3 likes\n202405\nHome\n\nSign-in | The museum opens at nine.\n\n"
        "It closes at five. Read more...\nYou have 2 items in cart now\nThe NASA museum is free today."
    )
    texts, counts = edited(RefinedWebLines, [page, None, ""])
    assert texts[0] == (
        "| The museum opens at nine.\n\nIt closes at five.\nYou have 2 now\nThe NASA museum is free today."
    )
    assert texts[1:] == [None, ""]
    assert counts[0]["refinedweb_removed_lines"] == 4
    assert counts[0]["refinedweb_removed_word_fraction"] == pytest.approx((3 + 2 + 1 + 1 + 1 + 2 + 3) / 32)
    assert counts[1] == counts[2] == {"refinedweb_removed_lines": 0, "refinedweb_removed_word_fraction": 0.0}


@pytest.mark.parametrize(
    "line",
    [
        "5 comments",
        "1.2K Views",
        "3,000 likes!",
        "* 12 shares",
        "10M downloads",
        "123",
        "①²",
        "IMPORTANT NOTICE HERE",
        "Introduction",
        " \t",
        "Read more...",
        "Sign-in",
        "items in cart",
        "ÄRGER IN KÖLN",
        "٣٤",
    ],
)
def test_lines_that_go(line: str) -> None:
    assert edited(RefinedWebLines, [f"A line before it.\n{line}\nA line after it."])[0] == [
        "A line before it.\nA line after it."
    ]


@pytest.mark.parametrize(
    "line",
    [
        "He has 3 likes on it",
        "It happened in 1999.",
        "The USA and NATO agreed.",
        "东京 是 日本 首都",
        "Sign-index of the book",
        "Sign in to read more",
        "12 / 2024",
        "1 like",
        "3 likes and counting",
        "* * *",
    ],
)
def test_lines_that_stay(line: str) -> None:
    assert edited(RefinedWebLines, [line])[0] == [line]


def test_refinedweb_phrases_are_options() -> None:
    assert edited(RefinedWebLines, ["Zum Warenkorb gehen bitte"], start=["zum warenkorb"])[0] == [
        "gehen bitte"
    ]
    with pytest.raises(BadOption, match="max_uppercase_fraction"):
        RefinedWebLines.from_options({"max_uppercase_fraction": 2})


LINES = st.lists(
    st.sampled_from(
        [
            *(
                "sign-in",
                "Read more...",
                "a b c",
                "LOUD",
                " ",
                "\n",
                "3 likes",
                "9k views",
                "é",
                "²",
                "½",
                "_",
            ),
            *("items in cart", "x", "ß", ".", "(", "\xa0", "\x1f", "İ", "٣", "1", "a b c d e f g h i"),
        ]
    ),
    max_size=25,
)


@settings(deadline=None)
@given(LINES.map("".join))
def test_refinedweb_corrects_as_the_reproduction_does(text: str) -> None:
    """But for phrases inside longer words, which the reproduction cuts out too, and blanks at line ends, which it counts
    among the characters of a line."""
    text = re.sub(r"[^\S\n]+$", "", text, flags=re.MULTILINE)
    assume(not re.search(r"(?i)\w(sign-in|read more|items in)|(sign-in|\.\.\.|in cart)\w", text))
    (after,), (counts,) = edited(RefinedWebLines, [text])
    assert after == corrected(text)
    share = max(0, removed_word_fraction(text, after))
    assert counts["refinedweb_removed_word_fraction"] == pytest.approx(share)


def test_refinedweb_corrects_as_the_reproduction_does_on_real_text(shared: Path, thorough: bool) -> None:
    texts = real_texts(shared, each=60 if thorough else 15)
    after, counts = edited(RefinedWebLines, list(texts))
    theirs = [corrected(text) for text in texts]
    differ = [text for text, our, their in zip(texts, after, theirs, strict=True) if our != their]
    assert len(differ) <= len(texts) / 200, [text[:200] for text in differ]
    assert sum(our != text for our, text in zip(after, texts, strict=True)) > len(texts) / 10
    for text, their, row in zip(texts, theirs, counts, strict=True):
        dropped = removed_word_fraction(text, their) > 0.05
        if text not in differ:
            assert (row["refinedweb_removed_word_fraction"] > 0.05) == dropped, text[:200]


def by_hand(text: str) -> str:
    """The white-space edit with its defaults, in plain Python."""
    lines = []
    for line in text.split("\n"):
        indent, body = re.fullmatch("([ \t\xa0]*)(.*)", line.rstrip(), re.DOTALL).groups()
        lines.append(indent + re.sub("[ \t\xa0]{2,}", " ", body))
    text = "\n".join(lines)
    return re.sub("\n{3,}", "\n\n", text).strip("\n")


@settings(deadline=None)
@given(st.text(st.sampled_from("ab \t\n\r\xa0\u2028\u3000\x1cé."), max_size=40))
def test_whitespace_is_what_plain_python_gives(text: str) -> None:
    (after,), (counts,) = edited(Whitespace, [text])
    assert after == by_hand(text)
    assert counts["whitespace_removed_characters"] == len(text) - len(after)
    assert edited(Whitespace, [after])[0] == [after]


def test_whitespace_golden() -> None:
    text = "def f(x):  \n    return  x\t\t# twice\n\n\n\nend\n"
    assert edited(Whitespace, [text])[0] == ["def f(x):\n    return x # twice\n\nend"]
    assert edited(Whitespace, [text], keep_indentation=False, max_blank_lines=0)[0] == [
        "def f(x):\nreturn x # twice\nend"
    ]
    assert edited(
        Whitespace, [text, None], collapse_spaces=False, strip_line_ends=False, max_blank_lines=None
    )[0] == [text, None]
