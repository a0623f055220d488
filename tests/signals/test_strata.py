"""The stratified sample: as many of each stratum as there are, whatever the batches."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cupel.contract import Documents
from cupel.signals._strata import allotted, draw_stratified


class Rows(Documents):
    def __init__(self, rows: list[dict[str, str | None]], size: int) -> None:
        self.table, self.size = pa.Table.from_pylist(rows), size

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        return iter(self.table.to_batches(max_chunksize=self.size))

    digest = "x"
    text_bytes = 0


def rows(*sources: tuple[str, int]) -> list[dict[str, str | None]]:
    rng = np.random.default_rng(0)
    made = []
    for source, count in sources:
        for number in range(count):
            made.append(
                {"id": f"{source}{number}", "text": "x" * int(rng.integers(1, 500)), "source": source}
            )
    return made


@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_a_small_source_is_drawn_as_often_as_a_large_one(size: int) -> None:
    documents = rows(("large", 2000), ("東京", 60))
    drawn = draw_stratified(Rows(documents, size), 100, seed=0)
    sources = drawn.documents["source"].to_pylist()
    assert (sources.count("large"), sources.count("東京")) == (50, 50)
    assert (drawn.strata, drawn.total) == (10, 2060)
    lengths = np.array([len(text) for text in drawn.documents["text"].to_pylist()])[
        np.array(sources) == "large"
    ]
    assert [
        int(((lengths > low) & (lengths <= low + 100)).sum()) for low in range(0, 500, 100)
    ] == pytest.approx([10] * 5, abs=3)
    order = [row["id"] for row in documents]
    places = [order.index(name) for name in drawn.documents["id"].to_pylist()]
    assert places == sorted(places)


def test_batches_and_the_order_of_sources_do_not_matter() -> None:
    documents = rows(("b", 100), ("a", 40), ("c", 300))
    drawn = [
        set(draw_stratified(Rows(ordered, size), 90, seed=3).documents["id"].to_pylist())
        for ordered, size in ((documents, 5), (documents, 1000), (documents[::-1], 1000))
    ]
    assert drawn[0] == drawn[1] == drawn[2]
    assert draw_stratified(Rows(documents, 50), 90, seed=4).documents["id"].to_pylist() != sorted(drawn[0])


def test_empty_texts_are_left_out_and_all_others_can_be_drawn() -> None:
    documents = [
        *rows(("a", 30)),
        {"id": "n", "text": None, "source": "a"},
        {"id": "e", "text": " \n", "source": "z"},
    ]
    drawn = draw_stratified(Rows(documents, 4), 1000, seed=0)
    assert drawn.documents.num_rows == 30
    assert draw_stratified(Rows(documents[30:], 4), 1000, seed=0).documents.num_rows == 0


def test_languages_are_strata_where_they_are_known() -> None:
    documents = [
        {**row, "language": "de" if place % 10 == 0 else "en"} for place, row in enumerate(rows(("a", 400)))
    ]
    drawn = draw_stratified(Rows(documents, 64), 60, seed=0)
    german = {row["id"] for row in documents if row["language"] == "de"}
    assert sum(name in german for name in drawn.documents["id"].to_pylist()) == 30


@given(st.lists(st.integers(0, 40), max_size=12), st.integers(0, 200))
def test_what_is_allotted_is_even_and_complete(sizes: list[int], count: int) -> None:
    taken = allotted(np.array(sizes, np.int64), count)
    assert (taken <= sizes).all()
    assert taken.sum() == min(count, sum(sizes))
    left = taken[taken < np.array(sizes, np.int64)]
    assert len(left) == 0 or taken.max() - left.min() <= 1
