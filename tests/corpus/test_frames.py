"""Tables in memory as input."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import cupel
from cupel.corpus.frames import ROW_GROUP_ROWS, paths_of
from cupel.errors import BadInput, InputChanged

ROWS = [
    {"id": f"d{n}", "text": f"Café number {n} in 東京", "year": 1556 + n, "tags": ["a", "b"]}
    for n in range(5000)
]
TABLE = pa.Table.from_pylist(ROWS)


def pandas(table: pa.Table) -> Any:
    return table.to_pandas()


def polars(table: pa.Table) -> Any:
    import polars

    return polars.from_arrow(table)


def lazy(table: pa.Table) -> Any:
    return polars(table).lazy()


def daft(table: pa.Table) -> Any:
    import daft

    return daft.from_arrow(table)


def dataset(table: pa.Table) -> Any:
    return pytest.importorskip("datasets").Dataset(table)


def iterable(table: pa.Table) -> Any:
    return dataset(table).to_iterable_dataset()


def batch(table: pa.Table) -> Any:
    return table.combine_chunks().to_batches()[0]


def reader(table: pa.Table) -> Any:
    return table.to_reader(max_chunksize=700)


@pytest.mark.parametrize("make", [pandas, polars, lazy, daft, dataset, iterable, batch, reader])
def test_every_kind_of_table_reads_alike(make: Callable[[pa.Table], Any], tmp_path: Path) -> None:
    (path,) = paths_of(make(TABLE), cache=tmp_path)
    read = cupel.Corpus.read(path)
    assert read.to_arrow()["text"].to_pylist() == TABLE["text"].to_pylist()
    assert read.to_arrow()["metadata"][3].as_py() == '{"year":1559,"tags":["a","b"]}'
    assert paths_of(make(TABLE), cache=tmp_path) == [path]


def test_the_same_rows_are_the_same_input_however_they_are_chunked(tmp_path: Path) -> None:
    chunked = pa.concat_tables(
        [TABLE.slice(0, 1), TABLE.slice(1, ROW_GROUP_ROWS + 5), TABLE.slice(ROW_GROUP_ROWS + 6)]
    )
    assert chunked.equals(TABLE)
    assert paths_of(chunked, cache=tmp_path) == paths_of(TABLE, cache=tmp_path)
    assert paths_of(TABLE.slice(1), cache=tmp_path) != paths_of(TABLE, cache=tmp_path)
    kept = list((tmp_path / "tables").glob("*/*"))
    assert len(kept) == 2  # nothing is left of what was there already


def test_a_dictionary_of_splits_and_a_mixture_with_paths(tmp_path: Path) -> None:
    splits = pytest.importorskip("datasets").DatasetDict(train=dataset(TABLE), test=dataset(TABLE.slice(10)))
    paths = paths_of([splits, "pool", tmp_path], cache=tmp_path)
    assert [Path(path).name for path in paths] == ["train.parquet", "test.parquet", "pool", tmp_path.name]


def test_what_is_no_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"an input is a dict: expected a path, .*from_pylist"):
        paths_of([{"text": "Café"}], cache=tmp_path)
    frame = pytest.importorskip("pandas").DataFrame({"text": ["a", {"b": 1}]})
    with pytest.raises(BadInput, match=r"pandas DataFrame: .*text"):
        paths_of(frame, cache=tmp_path)
    assert not list(tmp_path.glob("tables/.*"))


def test_a_run_on_a_table_is_up_to_date_and_keeps_its_fields(tmp_path: Path) -> None:
    recipe = cupel.Recipe.from_dict({"name": "once", "steps": ["exact"]})
    first = cupel.refine(recipe, input=TABLE, output=tmp_path / "out")
    assert first.manifest["documents"]["kept"] == 5000
    table = first.corpus().to_arrow()
    assert table["year"].to_pylist() == TABLE["year"].to_pylist()
    again = cupel.refine(recipe, input=polars(TABLE), output=tmp_path / "out2")
    assert again.manifest["content_hash"] == first.manifest["content_hash"]
    assert (
        cupel.refine(recipe, input=pa.Table.from_pylist(ROWS), output=tmp_path / "out").manifest
        == first.manifest
    )
    with pytest.raises(InputChanged):
        cupel.refine(recipe, input=TABLE.slice(1), output=tmp_path / "out")


def test_conversations_in_columns_are_recognized() -> None:
    chats = pa.Table.from_pylist(
        [{"messages": [{"role": "user", "content": "東京?"}, {"role": "assistant", "content": "Yes."}]}]
    )
    assert cupel.Corpus.read(chats).to_arrow()["text"].to_pylist() == ["東京?\n\nYes."]
