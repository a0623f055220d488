"""Copied lines and paragraphs: against a plain set of lines."""

from __future__ import annotations

import random
import re

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cupel import _kernels
from cupel.deduplication.lines import Lines
from cupel.errors import BadOption, UnknownName
from cupel.findings import Facts, Samples, Section, Table

from . import reference
from .conftest import Resolve, check_spans, spans_of, without

UNITS = st.sampled_from(["line", "paragraph"])
PIECES = ["a", "B", "b", "é", "e\u0301", "東京", " ", "\u3000", "\r", "\n", "\n", "\n\n", "!", "—"]
TEXTS = st.lists(st.none() | st.lists(st.sampled_from(PIECES), max_size=12).map("".join), max_size=12)


def facts(section: Section) -> dict[str, str]:
    return dict(next(block for block in section.blocks if isinstance(block, Facts)).facts)


@given(TEXTS, UNITS, st.integers(1, 4), st.booleans(), st.sampled_from([1 << 30, 200, 1]))
def test_spans_are_those_of_a_plain_set(
    resolve: Resolve, texts: list[str | None], unit: str, minimum: int, normalize: bool, memory: int
) -> None:
    """However many ranges of hashes the memory asks for."""
    method = Lines.from_options({"unit": unit, "min_characters": minimum, "normalize": normalize})
    clusters = resolve(method, texts, memory_bytes=memory)
    check_spans(clusters, texts)
    assert spans_of(clusters) == reference.copied_units(texts, unit, minimum, normalize)


@given(TEXTS, UNITS)
def test_what_is_left_has_no_copies(resolve: Resolve, texts: list[str | None], unit: str) -> None:
    method = Lines.from_options({"unit": unit, "min_characters": 1})
    spans = spans_of(resolve(method, texts))
    left = [without(text or "", spans.get(doc, [])) for doc, text in enumerate(texts)]
    assert not spans_of(resolve(Lines.from_options({"min_characters": 1}), left)) or unit == "paragraph"
    keys = [
        [reference.plain(piece.words, False) for text in these for piece in reference.units(text or "", unit)]
        for these in (texts, left)
    ]
    assert set(keys[0]) >= set(keys[1])
    if unit == "line":
        assert set(keys[0]) == set(keys[1]), "the first of each line stays"


def test_little_memory_is_many_ranges(resolve: Resolve) -> None:
    texts = [f"line number {n % 7} of the text\n" for n in range(100)]
    whole, parts = resolve(Lines(), texts), resolve(Lines(), texts, memory_bytes=100)
    assert facts(whole.findings[0])["ranges of hashes"] == "1"
    assert facts(parts.findings[0])["ranges of hashes"] == "41"
    assert whole.members == parts.members
    assert whole.members.num_rows == 93


def test_an_example_by_hand(resolve: Resolve) -> None:
    menu = "Start — Über uns — 東京\n"
    texts = [
        menu + "The first text of all.\n",
        "Something else stands here.\n" + menu + "\n" + "Über uns, ganz anders und lang.",
        "start über uns 東京",
    ]
    at = len(b"Something else stands here.\n")
    size = len((menu + "\n").encode())
    assert spans_of(resolve(Lines(), texts)) == {1: [(at, at + size)]}
    normalized = resolve(Lines.from_options({"normalize": True, "min_characters": 10}), texts)
    assert spans_of(normalized) == {1: [(at, at + size)], 2: [(0, len(texts[2].encode()))]}
    assert normalized.members["cluster"].to_pylist() == [0, 0]
    assert normalized.members["score"].to_pylist()[1] == 1.0


def test_copies_in_one_document_count(resolve: Resolve) -> None:
    line = "The very same line once more.\n"
    clusters = resolve(Lines(), [line * 3], docs=[9 << 40])
    (row,) = clusters.members.to_pylist()
    assert (row["doc"], row["cluster"], row["size"]) == (9 << 40, 9 << 40, 1)
    assert row["spans"] == [{"start": len(line), "stop": 3 * len(line)}]


def test_the_first_copy_names_the_document_it_stood_in_first(resolve: Resolve) -> None:
    first, other = "A short line of some words.\n", "Another line of some more words.\n"
    own = "Something that stands nowhere else.\n"
    clusters = resolve(
        Lines(), ["", first + other, None, own + other + first, "x" + first, first], docs=range(3, 9)
    )
    rows = {row["doc"]: row["cluster"] for row in clusters.members.to_pylist()}
    assert rows == {6: 4, 8: 4}


def test_no_effect_is_said(resolve: Resolve) -> None:
    for texts in ([], [None], ["", "\n\n"], ["short\n", "short\n"], ["A line that is long enough to count."]):
        clusters = resolve(Lines(), texts)
        assert clusters.members.num_rows == 0
        assert "no effect" in clusters.findings[0].lead
        assert "spans" in clusters.members.schema.names


def test_findings_mark_the_copies(resolve: Resolve) -> None:
    line = "Übergabe an der Tür: 東京, jeden Tag.\n"
    texts = [line, "Vorher steht dies hier: äöü, äöü.\n" + line]
    clusters = resolve(Lines(), texts, sources=["books", "web"])
    (section,) = clusters.findings
    assert Section.model_validate_json(section.model_dump_json()) == section
    (table,) = [block for block in section.blocks if isinstance(block, Table)]
    assert table.rows == (("web", 1, 1, clusters.members["score"].to_pylist()[0]),)
    (samples,) = [block for block in section.blocks if isinstance(block, Samples)]
    (sample,) = samples.samples
    (mark,) = sample.marks
    assert sample.id == "d1"
    assert "d0" in sample.note
    assert sample.text[slice(*mark)] == line
    values = facts(section)
    assert (values["documents"], values["with copied parts"]) == ("2", "1")
    assert values["copied bytes"] == str(len(line.encode()))


def test_the_sketch_is_a_hash_for_each_unit() -> None:
    sketch = Lines().sketch(pa.array(["Long enough to count here.\nshort", None, ""]))
    assert sketch.column("units").type == pa.large_list(pa.uint64())
    assert [len(units) for units in sketch.column("units").to_pylist()] == [1, 0, 0]


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"unit": "sentence"}, BadOption, "option 'unit' is 'sentence'"),
        ({"min_characters": 0}, BadOption, "option 'min_characters' is 0"),
        ({"action": "remove"}, BadOption, "'cut', 'drop' or 'mark'"),
        ({"max_copied_fraction": 1.2}, BadOption, "less than or equal to 1"),
        ({"min_charcters": 3}, UnknownName, "did you mean 'min_characters'"),
    ],
)
def test_mistakes_in_options_are_named(options: dict, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        Lines.from_options(options)


def test_a_mistake_in_the_kernel_is_an_error() -> None:
    with pytest.raises(KeyError, match="word"):
        _kernels.text_units(pa.array(["a"]), unit="word")


@pytest.mark.parametrize("documents", [200, pytest.param(5000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("options", [{}, {"unit": "paragraph"}, {"normalize": True, "min_characters": 5}])
def test_real_documents(resolve: Resolve, articles: list[str], options: dict, documents: int) -> None:
    articles = articles[:documents]
    method = Lines.from_options(options)
    clusters = resolve(method, articles, rows_in_batch=500, memory_bytes=2_000_000)
    check_spans(clusters, articles)
    own = method.options
    spans = spans_of(clusters)
    assert spans == reference.copied_units(articles, own.unit, own.min_characters, own.normalize)
    assert len(spans) > 20


def test_digits_do_not_tell_lines_apart_where_that_is_asked_for(resolve: Resolve) -> None:
    texts = ["Posted on 3 May 2019 by Café", "Posted on 7 May 2021 by Café", "Posted on 13 May 2021 by Café"]
    assert resolve(Lines(), texts).members.num_rows == 0
    ignoring = resolve(Lines.from_options({"ignore_digits": True}), texts)
    assert spans_of(ignoring) == {1: [(0, len(texts[1].encode()))]}
    # Digits of any script, and the case still counts.
    texts = [
        "صفحة رقم ٣ من الكتاب كله",
        "صفحة رقم 7 من الكتاب كله",
        "Page number 3 of this book",
        "page number 4 of this book",
    ]
    assert list(spans_of(resolve(Lines.from_options({"ignore_digits": True}), texts))) == [1]


def test_ccnets_lines_are_those_of_its_own_normalization(resolve: Resolve) -> None:
    """`normalize_for_dedup` of cc_net, on what both have in common: case, digits, punctuation."""

    def published(line: str) -> str:
        line = re.sub(r"\d", "0", line.strip().lower())
        return re.sub(r"[,.:;!?()\"'«»“”…\-/|]", "", line)

    rng = random.Random(8)
    words = ["Home", "home", "2019", "2020", "Café", "東京", "Kontakt", "12:30", "(new)", "«ja»"]
    texts = [" ".join(rng.choice(words) for _ in range(rng.randint(1, 3))) for _ in range(400)]
    options = {"normalize": True, "ignore_digits": True, "min_characters": 1}
    removed = set(spans_of(resolve(Lines.from_options(options), texts)))
    seen: set[str] = set()
    expected = set()
    for number, text in enumerate(texts):
        if published(text) in seen:
            expected.add(number)
        seen.add(published(text))
    assert removed == expected
