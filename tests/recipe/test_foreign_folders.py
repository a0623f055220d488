"""Output folders that hold something else than a run: nothing in them is written or removed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

import cupel
from cupel.errors import OutputInUse

RECIPE = {"name": "once", "steps": ["exact"]}
FOREIGN = {
    "a file": ["thesis.txt"],
    "folders named like ours": ["data/thesis.txt", "ledger/accounts.csv", "quarantine/patients.jsonl"],
    "a folder _work": ["_work/draft.txt", "data/thesis.txt"],
    "a manifest of something else": ["manifest.json", "data/thesis.txt"],
    "files named like ours": ["recipe.yaml", "report.html", "inputs.json"],
}


def refine(pool: Path, output: Path, *, restart: bool = False) -> cupel.Result:
    return cupel.refine(cupel.Recipe.from_dict(RECIPE), input=pool, output=output, restart=restart)


@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize("kind", FOREIGN)
def test_what_is_no_run_is_left_alone(
    kind: str, restart: bool, make_pool: Callable[..., Path], tmp_path: Path
) -> None:
    foreign = tmp_path / "foreign"
    for name in FOREIGN[kind]:
        (foreign / name).parent.mkdir(parents=True, exist_ok=True)
        (foreign / name).write_text("null" if restart else '{"name": "an extension"}')
    before = sorted(foreign.rglob("*"))
    with pytest.raises(OutputInUse, match="no run of Cupel"):
        refine(make_pool(20, 1), foreign, restart=restart)
    assert sorted(foreign.rglob("*")) == before


def test_an_empty_folder_is_taken(make_pool: Callable[..., Path], tmp_path: Path) -> None:
    (tmp_path / "out" / "_work").mkdir(parents=True)  # of a run that was killed at its first step
    assert refine(make_pool(20, 1), tmp_path / "out").manifest["documents"]["in"] == 20


@pytest.mark.parametrize("damage", ["", "null", '{"cupel": "0.1', json.dumps(["no mapping"])])
def test_a_run_whose_manifest_is_damaged_can_be_discarded(
    damage: str, make_pool: Callable[..., Path], tmp_path: Path
) -> None:
    pool = make_pool(20, 1)
    first = refine(pool, tmp_path / "out")
    (tmp_path / "out" / "manifest.json").write_text(damage)
    again = refine(pool, tmp_path / "out", restart=True)
    assert again.manifest["content_hash"] == first.manifest["content_hash"]


def test_a_run_without_its_manifest_is_refused_and_can_be_discarded(
    make_pool: Callable[..., Path], tmp_path: Path
) -> None:
    pool = make_pool(20, 1)
    first = refine(pool, tmp_path / "out")
    (tmp_path / "out" / "manifest.json").unlink()
    with pytest.raises(OutputInUse, match=r"lost its manifest\.json.*--restart"):
        refine(pool, tmp_path / "out")
    again = refine(pool, tmp_path / "out", restart=True)
    assert again.manifest["content_hash"] == first.manifest["content_hash"]
