"""A sweep from end to end on made pools: noise is avoided, a stopped study resumes."""

from __future__ import annotations

import json
import random
import string
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

import cupel
from cupel.errors import BadInput, BadOption, RunFailed
from cupel.lab.progress import Quiet
from tests.conftest import prose
from tests.reproduction import world

pytest.importorskip("torch", reason="needs the extra lab")


class Stopping(Quiet):
    """Counts the trials that are trained, and stops after so many."""

    def __init__(self, after: int | None = None) -> None:
        self.after, self.done = after, 0

    def trained(self, event: Mapping[str, Any]) -> None:
        if "done" in event:
            self.done += 1
            if self.done == self.after:
                raise RunFailed("stopped by the test")


@pytest.fixture
def pools(tmp_path: Path) -> list[str]:
    """A pool of prose, and one of letters."""
    rng = random.Random(1)
    words = []
    for name in ("prose", "letters"):
        rows = []
        for place in range(120):
            letters = "".join(rng.choices(string.ascii_letters + " ", k=rng.randint(150, 300)))
            rows.append(
                {
                    "id": f"{name}-{place}",
                    "text": prose(rng, rng.randint(30, 60)) if name == "prose" else letters,
                }
            )
        path = tmp_path / f"{name}.jsonl"
        path.write_text("\n".join(map(json.dumps, rows)))
        words.append(f"{name}={path}")
    return words


@pytest.fixture
def options(tmp_path: Path) -> dict[str, object]:
    """A tiny scale, and held-out prose: the pool of letters teaches nothing that is asked for."""
    scale = world.SCALE.model_dump(mode="json", exclude_none=True) | {"tokens": 8000}
    (tmp_path / "tiny.yaml").write_text(yaml.safe_dump(scale))
    rng = random.Random(99)
    rows = [{"id": f"h{n}", "text": prose(rng, 50), "domain": "prose"} for n in range(40)]
    (tmp_path / "held.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return {
        "scale": str(tmp_path / "tiny.yaml"),
        "held_out": [str(tmp_path / "held.jsonl")],
        "mixtures": 6,
        "seeds": 2,
    }


def studied(
    pools: list[str], options: dict[str, object], tmp_path: Path, progress: Quiet
) -> cupel.KeptFinding:
    return cupel.examine(
        "random-mixtures",
        pools,
        output=tmp_path / "out",
        options=options,
        cache=tmp_path / "cache",
        progress=progress,
        device="cpu",
        workers=1,
        report=False,
    )


def test_a_stopped_study_resumes_and_finds_the_better_mixture(
    pools: list[str], options: dict[str, object], tmp_path: Path
) -> None:
    with pytest.raises(RunFailed, match="stopped by the test"):
        studied(pools, options, tmp_path, Stopping(after=3))
    assert not (tmp_path / "out").exists()
    rest = Stopping()
    kept = studied(pools, options, tmp_path, rest)
    assert rest.done == 6 - 3 + 3 * 2
    best = kept.about["best"]
    assert best["prose"] > 0.8
    assert sum(best.values()) == pytest.approx(1)
    table = kept.table("mixtures")
    assert table.num_rows == 6
    order = sorted(table.to_pylist(), key=lambda row: row["bits_per_byte mean"])
    assert order[0]["share prose"] > order[-1]["share prose"]
    arms = {comparison["arm"]: comparison for comparison in kept.about["verdict"]["comparisons"]}
    assert set(arms) == {"natural", "uniform"}
    for comparison in arms.values():
        assert comparison["value"] > comparison["baseline_value"], "prose alone is better on prose"
        assert comparison["low"] < comparison["difference"] < comparison["high"]
    again = Stopping()
    assert studied(pools, options, tmp_path, again).about == kept.about
    assert again.done == 0


def test_text_is_held_out_of_the_pools_where_none_is_named(
    pools: list[str], options: dict[str, object], tmp_path: Path
) -> None:
    changed = {name: value for name, value in options.items() if name != "held_out"}
    kept = studied(pools, changed | {"mixtures": 4, "seeds": 1}, tmp_path, Quiet())
    columns = kept.table("mixtures").column_names
    assert {"bits_per_byte prose", "bits_per_byte letters"} <= set(columns)


def test_what_cannot_be_mixed_is_refused(
    pools: list[str], options: dict[str, object], tmp_path: Path
) -> None:
    with pytest.raises(BadInput, match="expected 2 or more"):
        studied(pools[:1], options, tmp_path, Quiet())
    with pytest.raises(BadOption, match="two pools are called 'prose'"):
        studied([pools[0], pools[0] + "/../prose.jsonl"], options, tmp_path, Quiet())
    with pytest.raises(BadOption, match="'mixtures' is 3"):
        studied(pools, options | {"mixtures": 3}, tmp_path, Quiet())
    held = str(pools[0]).partition("=")[2]
    with pytest.raises(BadInput, match="all held-out text stands in the pools"):
        studied(pools, options | {"held_out": [held]}, tmp_path, Quiet())
