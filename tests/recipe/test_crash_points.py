"""A run that is killed just before any change of its folder resumes to what an unharmed run gives."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml

from tests.conftest import make_rows
from tests.crashes import CRASHED, CrashServer

COPIES = {"name": "copies", "steps": ["gopher-quality", "exact", "lines"]}
KINDS = ("exact", "minhash")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[CrashServer]:
    made = CrashServer(tmp_path)
    yield made
    made.close()


def pool(folder: Path, seed: int, *, broken: bool = False) -> Path:
    """40 documents in 2 files, and on demand a line that is no JSON."""
    folder.mkdir()
    rows = make_rows(40, seed)
    for number in range(2):
        lines = [json.dumps(row) for row in rows[number::2]] + ["{broken"] * broken
        (folder / f"rows-{number}.jsonl").write_text("".join(f"{line}\n" for line in lines))
    return folder


def outcome(output: Path) -> dict[str, Any]:
    """All that a run leaves, but for how long it took."""
    assert not (output / "_work").exists()
    assert not [path for path in output.rglob("*") if path.name.startswith(".")]
    manifest = json.loads((output / "manifest.json").read_text())
    tables = {
        str(path.relative_to(output)): pq.read_table(path).to_pylist() for path in output.rglob("*.parquet")
    }
    kept = {
        str(path.relative_to(output)): path.read_bytes()
        for path in output.rglob("*.jsonl*")  # data and quarantine
    }
    names = sorted(str(path.relative_to(output)) for path in output.rglob("*"))
    decisive = {name: manifest[name] for name in ("content_hash", "documents", "data_files")}
    return {"manifest": decisive, "tables": tables, "lines": kept, "names": names}


def remembered(index: Path) -> dict[str, Any]:
    assert not [path for path in index.rglob("*") if path.name.startswith(".")]
    return {
        str(path.relative_to(index)): pq.read_table(path).to_pylist() for path in index.rglob("*.parquet")
    }


SWEEPS = [pytest.param(9, id="every-ninth"), pytest.param(1, id="every", marks=pytest.mark.slow)]


@pytest.mark.parametrize("stride", SWEEPS)
def test_a_deduplication_killed_before_any_change_resumes(
    stride: int, server: CrashServer, tmp_path: Path
) -> None:
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(yaml.safe_dump(COPIES))
    documents = pool(tmp_path / "pool", 3, broken=True)

    def command(output: Path) -> list[str]:
        places = ["--input", str(documents), "--output", str(output), "--shard-size", "20kB"]
        return [
            "refine",
            str(recipe),
            *places,
            "--format",
            "jsonl",
            "--accept",
            "--cores",
            "1",
            "--no-report",
        ]

    status, changes = server.run(command(tmp_path / "whole"))
    assert status == 0
    assert changes > 20
    expected = outcome(tmp_path / "whole")
    assert expected["manifest"]["documents"]["quarantined"] == 2
    fates = expected["manifest"]["documents"]
    assert all(fates[fate] for fate in ("kept", "dropped", "quarantined")), (
        "the pool has something of each kind"
    )
    for change in range(1, changes + 1, stride):
        output = tmp_path / "killed"
        assert server.run(command(output), change) == (CRASHED, change), f"change {change}"
        status, _ = server.run(command(output))
        assert status == 0, f"killed before change {change}"
        assert outcome(output) == expected, f"killed before change {change}"
        shutil.rmtree(output)


@pytest.mark.parametrize("stride", SWEEPS)
def test_an_index_is_whole_whatever_change_its_run_is_killed_before(
    stride: int, server: CrashServer, tmp_path: Path
) -> None:
    first, second = pool(tmp_path / "first", 3), pool(tmp_path / "second", 4)

    def command(documents: Path, output: Path, index: Path) -> list[str]:
        kinds = [part for kind in KINDS for part in ("--by", kind)]
        places = [str(documents), "--output", str(output), "--index", str(index)]
        return ["dedup", *places, *kinds, "--accept", "--cores", "1", "--no-report"]

    before, after = tmp_path / "before", tmp_path / "after"
    assert server.run(command(first, tmp_path / "one", before))[0] == 0
    shutil.copytree(before, after)
    status, changes = server.run(command(second, tmp_path / "two", after))
    assert status == 0
    expected, indexed = outcome(tmp_path / "two"), remembered(after)
    assert len(indexed) == 2 * len(KINDS)
    for change in range(1, changes + 1, stride):
        output, index = tmp_path / "killed", tmp_path / "index"
        shutil.copytree(before, index)
        assert server.run(command(second, output, index), change) == (CRASHED, change), f"change {change}"
        for place, table in remembered_so_far(index).items():
            assert table == indexed[place], f"other runs read half of {place} after change {change}"
        status, _ = server.run(command(second, output, index))
        assert status == 0, f"killed before change {change}"
        assert outcome(output) == expected, f"killed before change {change}"
        assert remembered(index) == indexed, f"killed before change {change}"
        shutil.rmtree(output)
        shutil.rmtree(index)


def remembered_so_far(index: Path) -> dict[str, Any]:
    """What other runs would read of an index now."""
    return {
        str(path.relative_to(index)): pq.read_table(path).to_pylist()
        for path in index.rglob("*.parquet")
        if not path.name.startswith(".")
    }
