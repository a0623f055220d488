"""Exact deduplication of small corpora."""

from __future__ import annotations

import json
import unicodedata

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cupel.contract import WEIGHTLESS
from cupel.deduplication.exact import Exact
from cupel.errors import BadOption
from cupel.findings import Alarm, Facts, Section, Table

from .conftest import Resolve, as_sets, check_whole

TEXT = st.lists(st.sampled_from(["a", "B", "é", "e\u0301", " ", "\n", "!"]), max_size=4).map("".join)


def blocks(section: Section, kind: type) -> list:
    return [block for block in section.blocks if isinstance(block, kind)]


@given(st.lists(st.none() | TEXT, max_size=20), st.booleans(), st.booleans())
def test_clusters_are_the_equal_texts(
    resolve: Resolve, texts: list[str | None], lowercase: bool, strip: bool
) -> None:
    method = Exact.from_options({"lowercase": lowercase, "strip_punctuation": strip})
    groups: dict[str, set[int]] = {}
    for doc, text in enumerate(texts):
        if text is None:
            continue
        plain = unicodedata.normalize("NFC", text)
        plain = plain.lower() if lowercase else plain
        plain = plain.replace("!", "") if strip and plain.strip(" \n!") else plain
        groups.setdefault(" ".join(plain.split()), set()).add(doc)
    clusters = resolve(method, texts)
    check_whole(clusters)
    assert as_sets(clusters) == {frozenset(docs) for docs in groups.values() if len(docs) > 1}


@pytest.mark.parametrize(
    "mark", ["\u200b", "\xad", "\u200d", "\u200c", "\u2060", "\ufeff", "\ufe0f", "\u200e"]
)
def test_what_nobody_sees_hides_no_copy(resolve: Resolve, mark: str) -> None:
    texts = ["A soft text.\nIt is one.", f"A so{mark}ft text.\r\nIt is one.", "A soft text. It is two."]
    assert as_sets(resolve(Exact(), texts)) == {frozenset({0, 1})}
    assert as_sets(resolve(Exact.from_options({"drop_invisible": False}), texts)) == set()


@pytest.mark.parametrize(
    ("upper", "lower"),
    [
        ("GROSSE STRASSE", "große Straße"),
        ("ΣΊΣΥΦΟΣ", "σίσυφος"),
        ("IŞIK İZMİR", "ışık izmir"),
        ("ﬁNAL", "Final"),
        ("Ϊ\u0301", "\u0390"),
    ],
)
def test_case_is_folded_in_full(resolve: Resolve, upper: str, lower: str) -> None:
    assert as_sets(resolve(Exact.from_options({"lowercase": True}), [upper, lower])) == {frozenset({0, 1})}
    assert as_sets(resolve(Exact(), [upper, lower])) == set()


def test_a_document_of_weight_0_stays_only_where_no_other_can(resolve: Resolve) -> None:
    nothing = WEIGHTLESS
    texts = ["a"] * 3 + ["b"] * 2
    for sources in ((), ("best",)):
        clusters = resolve(
            Exact.from_options({"sources": sources}),
            texts,
            sources=["best", "web", "web", "web", "web"],
            priority=[nothing, 1.0, 2.0, nothing, nothing],
        )
        assert clusters.members.filter(clusters.members["kept"])["doc"].to_pylist() == [2, 3]


def test_priority_then_the_first_document_stays(resolve: Resolve) -> None:
    texts = ["a", "a", "a", "b", "b"]
    clusters = resolve(Exact(), texts, priority=[1.0, 3.0, 3.0, None, float("nan")])
    assert clusters.members.filter(clusters.members["kept"])["doc"].to_pylist() == [1, 3]


def test_document_numbers_may_be_large_and_sparse(resolve: Resolve) -> None:
    docs = [(5 << 40) + 2, 7, (1 << 40) + 9]
    clusters = resolve(Exact(), ["a", "b", "a"], docs=docs)
    check_whole(clusters)
    assert as_sets(clusters) == {frozenset({docs[0], docs[2]})}


def test_sources_that_lose_documents_are_named(resolve: Resolve) -> None:
    clusters = resolve(
        Exact(), ["a", "a", "a", "b"], sources=["web", "books", "books", "web"], priority=[0.0] * 4
    )
    (section,) = clusters.findings
    table = next(t for t in blocks(section, Table) if t.columns[0] == "source")
    assert table.rows == (("books", 2, 2, 1.0),)
    assert ("duplicates", "2") in blocks(section, Facts)[0].facts


def test_no_effect_is_said(resolve: Resolve) -> None:
    clusters = resolve(Exact(), ["a", "b", None, None])
    assert clusters.members.num_rows == 0
    assert "no effect" in clusters.findings[0].lead
    empty = resolve(Exact(), [])
    assert empty.members.schema.names == ["doc", "cluster", "size", "kept"]


def test_clusters_are_named_by_ids_not_places(resolve: Resolve) -> None:
    (section,) = resolve(Exact(), ["same text"] * 3, docs=[7, 8, 9]).findings
    (biggest,) = [block for block in blocks(section, Table) if "begins" in block.columns]
    assert biggest.rows == ((3, "d7", "same text"),)


def test_a_giant_cluster_raises_an_alarm(resolve: Resolve) -> None:
    texts = ["<script>boiler</script> plate"] * 150 + [f"text {i}" for i in range(850)]
    (section,) = resolve(Exact(), texts).findings
    (alarm,) = blocks(section, Alarm)
    assert "150 of 1,000 documents (15.0%)" in alarm.text
    assert not blocks(resolve(Exact.from_options({"giant_cluster_fraction": 0.2}), texts).findings[0], Alarm)
    assert Section.model_validate_json(section.model_dump_json()) == section


KEYS = st.none() | st.sampled_from(
    ["a", "A", "a ", "", " ", "1", 1, 1.5, True, "é", "e\u0301", [1, "a"], [], {"x": 1}]
)


@given(
    st.lists(st.fixed_dictionaries({}, optional={"k": KEYS, "m": KEYS}), max_size=12),
    st.booleans(),
    st.booleans(),
)
def test_keys_are_compared_as_texts(
    resolve: Resolve, fields: list[dict[str, object]], lowercase: bool, both: bool
) -> None:
    def part(value: object) -> str | None:
        if value is None:
            return None
        text = value if isinstance(value, str) else json.dumps(value)
        plain = " ".join(unicodedata.normalize("NFC", text).split())
        return (plain.lower() if lowercase else plain) or None

    names = ("k", "m") if both else ("k",)
    groups: dict[tuple[str | None, ...], set[int]] = {}
    for doc, row in enumerate(fields):
        key = tuple(part(row.get(name)) for name in names)
        if None not in key:
            groups.setdefault(key, set()).add(doc)
    method = Exact.from_options({"key": list(names), "lowercase": lowercase})
    clusters = resolve(method, [f"text {doc}" for doc in range(len(fields))], fields=fields)
    check_whole(clusters)
    assert as_sets(clusters) == {frozenset(docs) for docs in groups.values() if len(docs) > 1}


def test_parts_of_a_key_do_not_run_into_each_other(resolve: Resolve) -> None:
    fields = [{"a": "x", "b": "yz"}, {"a": "xy", "b": "z"}, {"a": "yz", "b": "x"}, {"a": "x", "b": "yz"}]
    clusters = resolve(Exact.from_options({"key": ["a", "b"]}), ["text"] * 4, fields=fields)
    assert as_sets(clusters) == {frozenset({0, 3})}


def test_keys_of_nested_fields_and_of_the_document(resolve: Resolve) -> None:
    fields = [{"page": {"id": 7}}, {"page": {"id": "7"}}, {"page": {}}, {}]
    clusters = resolve(Exact.from_options({"key": "page.id"}), list("abcd"), fields=fields)
    assert as_sets(clusters) == {frozenset({0, 1})}
    clusters = resolve(Exact.from_options({"key": ["text", "page.id"]}), list("abaa"), fields=fields)
    assert as_sets(clusters) == set()


@pytest.mark.parametrize("key", ["", ["a", ""], 7, {"a": 1}])
def test_keys_that_name_nothing(key: object) -> None:
    with pytest.raises(BadOption, match="exact: option 'key"):
        Exact.from_options({"key": key})


def test_the_sketch_is_sixteen_bytes() -> None:
    sketch = Exact().sketch(pa.array(["a", None], pa.string()))
    assert sketch.schema.field("hash").type == pa.binary(16)
    assert sketch.column("hash").null_count == 1


def test_real_documents(resolve: Resolve, articles: list[str]) -> None:
    """5,000 documents of the pool, some of them twice with other white space."""
    texts = [*articles, *(text.replace(" ", "  ") for text in articles[::50])]
    groups: dict[str, set[int]] = {}
    for doc, text in enumerate(texts):
        groups.setdefault(" ".join(unicodedata.normalize("NFC", text).split()), set()).add(doc)
    clusters = resolve(Exact(), texts, rows_in_batch=500)
    check_whole(clusters)
    assert as_sets(clusters) == {frozenset(docs) for docs in groups.values() if len(docs) > 1}
    assert len(as_sets(clusters)) >= 100
