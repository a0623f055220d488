"""The corpus as a table for everyone."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import cupel
from cupel.corpus import Corpus
from cupel.corpus.read import ReadOptions
from cupel.errors import BadInput, MissingExtra


@pytest.fixture
def pool(tmp_path: Path) -> Path:
    folder = tmp_path / "pool"
    folder.mkdir()
    lines = [json.dumps({"id": str(n), "text": f"Text {n}", "lang": "en"}) for n in range(300)]
    (folder / "a.jsonl").write_text("\n".join([*lines, "broken"]) + "\n")
    (folder / "b.html").write_text(
        "<nav>Home</nav><main><p>Silver is refined in a cupel of bone ash.</p></main>"
    )
    return folder


def test_tables_of_every_kind_agree(pool: Path) -> None:
    corpus = Corpus.read(pool)
    table = corpus.to_arrow()
    assert table.schema == corpus.schema
    assert table.num_rows == corpus.count() == 301
    assert table["text"][-1].as_py() == "Silver is refined in a cupel of bone ash."
    assert corpus.to_pandas()["text"].tolist() == table["text"].to_pylist()
    assert corpus.to_polars()["text"].to_list() == table["text"].to_pylist()
    lazily = corpus.to_daft()
    assert lazily.column_names == table.column_names
    assert sorted(lazily.to_pydict()["doc"]) == table["doc"].to_pylist()
    assert lazily.where(lazily["text"].contains("Silver")).count_rows() == 1


def test_what_could_not_be_read_is_reported(pool: Path) -> None:
    corpus = Corpus.read([pool])
    assert [(entry.reason, entry.position) for entry in corpus.quarantined()] == [("invalid-json", 301)]
    assert corpus.skipped() == {}


def test_a_reading_that_was_left_changes_no_count(tmp_path: Path) -> None:
    record = "WARC/1.0\r\nWARC-Type: {}\r\nContent-Length: 6\r\n\r\nSilver\r\n\r\n"
    path = tmp_path / "a.warc"
    path.write_text(record.format("conversion") + "".join(map(record.format, ["request"] * 9)), newline="")
    corpus = Corpus.read(path, options=ReadOptions(batch_rows=1))
    assert corpus.skipped() == {"request": 9}
    next(corpus.batches())
    assert corpus.skipped() == {"request": 9}
    started = corpus.batches()
    next(started)
    assert corpus.skipped() == {"request": 9}
    started.close()


def test_tables_of_libraries_that_are_not_installed(pool: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("pandas", "polars"):
        monkeypatch.setitem(sys.modules, name, None)
        with pytest.raises(
            MissingExtra, match=rf"to_{name} needs the extra '{name}'; .*pip install -e '.\[{name}\]'"
        ):
            getattr(Corpus.read(pool), f"to_{name}")()


def test_the_package_offers_it(pool: Path) -> None:
    assert cupel.Corpus is Corpus


def test_the_folder_of_a_run(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "ledger").mkdir()
    pq.write_table(pa.table({"id": ["a"], "text": ["Kept"]}), tmp_path / "data" / "part-0.parquet")
    pq.write_table(pa.table({"id": ["a", "b"], "kept": [True, False]}), tmp_path / "ledger" / "0.parquet")
    (tmp_path / "manifest.json").write_text('{"documents": {"in": 2}}')
    corpus = Corpus.read(tmp_path)
    assert corpus.to_arrow()["text"].to_pylist() == ["Kept"]
    assert corpus.manifest["documents"] == {"in": 2}
    assert corpus.ledger().count_rows() == 2
    with pytest.raises(BadInput, match="finished run"):
        Corpus.read(tmp_path / "data").ledger()


def test_fields_as_columns_of_their_own(tmp_path: Path) -> None:
    path = tmp_path / "pool.jsonl"
    rows = [
        {"text": "a", "weight": 2, "lang": "fr"},
        {"text": "b"},
        {"text": "c", "weight": "heavy", "café": 1},
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    corpus = Corpus.read(path)
    fields = {"weight": pa.float64(), "lang": pa.large_string()}
    table = pa.Table.from_batches(corpus.batches(fields))
    assert table.column_names == [*corpus.schema.names, "weight", "lang"]
    assert table["weight"].to_pylist() == [2.0, None, None]
    assert table["lang"].to_pylist() == ["fr", None, None]
    assert [json.loads(text or "{}") for text in table["metadata"].to_pylist()] == [
        {},
        {},
        {"weight": "heavy", "café": 1},
    ]
