"""C4's line cleaning, against datatrove's filter on real text."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pyarrow as pa
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from cupel import _kernels
from cupel.edits.c4_lines import C4Lines
from cupel.errors import BadOption, UnknownName
from tests.conftest import examples

c4_filters = pytest.importorskip("datatrove.pipeline.filters.c4_filters")
POOLS = ["web_crawl", "web_boilerplate", "forum_qa", "code", "general_balanced", "wiki_en"]


def cleaned(texts: list[str | None], **options: object) -> tuple[list[str | None], list[dict[str, int]]]:
    documents = pa.record_batch({"text": pa.array(texts, pa.large_string())})
    result = C4Lines.from_options(options).edit(documents)
    counts = pa.table(dict(result.columns)).to_pylist()
    return result.text.to_pylist(), counts


def sentences_of(line: str, language: str) -> list[None]:
    """As many sentences as our own segmenter finds in one line."""
    _, counts = cleaned(
        [line],
        require_terminal_punctuation=False,
        min_words_per_line=0,
        max_word_length=None,
        remove_citations=False,
        remove_javascript=False,
        remove_policy=False,
    )
    return [None] * counts[0]["c4_sentence_count"]


def disagreements(texts: list[str], **options: object) -> list[tuple[str, object, object]]:
    """Documents on which our edit and its rules part from datatrove's filter."""
    document = pytest.importorskip("datatrove.data").Document
    peer = c4_filters.C4QualityFilter(
        filter_no_terminal_punct=options.get("require_terminal_punctuation", True)
    )
    ours, counts = cleaned(texts, **options)
    # Both see the text as it is measured: without marks that nobody sees.
    texts = _kernels.measured_text(pa.array(texts, pa.large_string())).to_pylist()
    deviations = []
    for text, edited, count in zip(texts, ours, counts, strict=True):
        theirs = document(text=text, id="")
        verdict = peer.filter(theirs)
        dropped = (
            count["c4_lorem_ipsum_lines"] > 0
            or count["c4_curly_bracket_lines"] > 0
            or count["c4_sentence_count"] < 5
        )
        if dropped == (verdict is True) or (verdict is True and edited != theirs.text):
            deviations.append((text[:80], edited, verdict))
    return deviations


@pytest.fixture(autouse=True)
def _our_sentences(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(c4_filters, "split_into_sentences", sentences_of)


@pytest.mark.parametrize("pool", POOLS)
@pytest.mark.parametrize("require", [True, False])
def test_decisions_and_text_are_datatroves(shared: Path, pool: str, require: bool, thorough: bool) -> None:
    with (shared / "data" / "pool" / f"{pool}.jsonl.zst").open("rb") as file:
        lines = io.TextIOWrapper(zstandard.ZstdDecompressor().stream_reader(file), encoding="utf-8")
        texts = [
            json.loads(line)["text"] for line, _ in zip(lines, range(800 if thorough else 100), strict=False)
        ]
    assert disagreements(texts, require_terminal_punctuation=require) == []


PIECES = [
    "The café opens at nine.",
    "Is it open?",
    "\x1c",
    "\x1f",
    "\x85",
    "\u2028",
    "\r",
    "\r\n",
    "\v",
    "\n",
    "\u3000",
    "[1]",
    "[٣]",
    "[edit]",
    "[citation needed]",
    "...",
    "…",
    ".",
    '"',
    "'",
    "lorem",
    " ",
    " ipsum",
    "Java",
    "Script",
    "{",
    "use coo",
    "\u212aies",
    "privacy POLICY",
    "x" * 1001,
    "é" * 1000,
    "two words.",
    "ſ",
    "İ",
    "\ufeff",
    "\0",
]


@settings(max_examples=examples(500), deadline=None)
@given(st.lists(st.lists(st.sampled_from(PIECES), max_size=30).map("".join), min_size=1, max_size=5))
def test_any_text_is_cleaned_as_datatrove_does(texts: list[str]) -> None:
    assert disagreements(texts) == []


@settings(deadline=None)
@given(st.lists(st.one_of(st.none(), st.text(max_size=80)), max_size=6))
def test_nothing_is_added_and_kept_lines_stay(texts: list[str | None]) -> None:
    once, counts = cleaned(texts)
    assert [text is None for text in once] == [text is None for text in texts]
    assert all(
        len(after) <= len(before) for before, after in zip(texts, once, strict=True) if before is not None
    )
    assert cleaned(once, remove_citations=False)[0] == once
    assert all(
        value == 0 for text, count in zip(texts, counts, strict=True) if not text for value in count.values()
    )


def test_golden() -> None:
    page = (
        "Home\nHouses of the Old Town\nThe old town has many narrow houses.[3][citation needed]\n"
        "Please enable JavaScript to see the map.\nWe use cookies to make this site better.\n"
        'He said: "It is the oldest street of all"\nAnd so on and on...\n'
    )
    texts, counts = cleaned([page])
    assert texts == ['The old town has many narrow houses.\nHe said: "It is the oldest street of all"']
    assert counts[0] == {
        "c4_sentence_count": 2, "c4_lorem_ipsum_lines": 0, "c4_curly_bracket_lines": 0, "c4_removed_lines": 5,
    }  # fmt: skip


def test_options_are_checked() -> None:
    with pytest.raises(UnknownName, match="did you mean 'min_words_per_line'"):
        C4Lines.from_options({"min_word_per_line": 3})
    with pytest.raises(BadOption, match="min_words_per_line"):
        C4Lines.from_options({"min_words_per_line": -1})
