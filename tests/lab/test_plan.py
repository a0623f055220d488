"""A dry run: what an assay would train and what it takes, with nothing trained and nothing left behind but tokens."""

# ruff: noqa: F811 - fixtures of another file

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

import cupel
from cupel.errors import BadInput, UnknownName
from tests.lab.test_assay import TINY, _no_compiler, pools  # noqa: F401 - fixtures

pytest.importorskip("torch", reason="the lab needs torch")

SCALE = cupel.Scale.load("nano", TINY)


def _options(pools: Path, cache: Path, seeds: int = 2) -> cupel.AssayOptions:
    return cupel.AssayOptions(seeds=seeds, held_out=(str(pools / "fresh.jsonl"),), cache=cache, device="cpu")


def test_what_a_dry_run_says_is_what_the_assay_does(pools: Path, tmp_path: Path) -> None:
    from cupel.lab.assay import plan_assay

    arms = [str(pools / "clean.jsonl"), f"dirty={pools / 'junk.jsonl'}"]
    plan = plan_assay(arms, scale=SCALE, options=_options(pools, tmp_path))
    assert (plan.work.trials, len(plan.work.jobs), plan.work.cached) == (4, 4, 0)
    assert plan.work.steps == 4 * SCALE.steps
    assert plan.estimate is not None
    assert plan.estimate.seconds > plan.work.steps / 4 * plan.estimate.step_seconds > 0
    assert not list(tmp_path.glob("trials/*")), "what was timed is thrown away, and no trial was begun"
    kept = sorted(path.name for path in tmp_path.glob("tokens/*"))

    assay = cupel.assay(arms, scale=SCALE, options=_options(pools, tmp_path))
    assert sorted(path.name for path in tmp_path.glob("tokens/*")) == kept
    assert {
        trial.arm: trial.record["epochs"] for by_seed in assay.trials.values() for trial in by_seed.values()
    } == pytest.approx(dict(plan.work.epochs))
    assert assay.basis.alarms == plan.basis.alarms
    written = sum(
        file.stat().st_size for file in tmp_path.glob("trials/*/*") if file.suffix in (".bin", ".safetensors")
    )
    assert written <= plan.work.disk_bytes <= 3 * written

    # Trials that are there are counted as done, and nothing is timed.
    again = plan_assay(arms, scale=SCALE, options=_options(pools, tmp_path, seeds=3))
    assert (again.work.trials, again.work.cached, len(again.work.jobs)) == (6, 4, 2)
    done = plan_assay(arms, scale=SCALE, options=_options(pools, tmp_path))
    assert (done.work.jobs, done.estimate) == ([], None)
    assert "nothing to train" in json.dumps(done.page.model_dump(mode="json"))


def test_what_the_assay_refuses_a_dry_run_refuses(pools: Path, tmp_path: Path) -> None:
    from cupel.lab.assay import plan_assay

    clean = str(pools / "clean.jsonl")
    with pytest.raises(UnknownName, match="baseline"):
        plan_assay(
            [clean, f"dirty={pools / 'junk.jsonl'}"],
            scale=SCALE,
            options=cupel.AssayOptions(baseline="claen", cache=tmp_path),
        )
    large = SCALE.changed({"training.sequences": 100_000})
    with pytest.raises(BadInput, match="one batch of scale"):
        plan_assay([clean, f"dirty={pools / 'junk.jsonl'}"], scale=large, options=_options(pools, tmp_path))


def test_the_command_line_fits_eighty_columns(
    pools: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from cupel.cli._app import app

    monkeypatch.setenv("COLUMNS", "80")
    arguments = [
        "assay",
        str(pools / "clean.jsonl"),
        f"dirty={pools / 'junk.jsonl'}",
        "--dry-run",
        "--seeds",
        "1",
    ]
    arguments += [word for name, value in TINY.items() for word in ("--set", f"{name}={value}")]
    done = CliRunner().invoke(
        app, [*arguments, "--cache", str(tmp_path / "cache"), "-o", str(tmp_path / "out")]
    )
    assert done.exit_code == 0, done.output
    assert not (tmp_path / "out").exists()
    assert done.output.index("No text stands for what you want") < done.output.index("What it takes")
    assert "too narrow for" not in done.output
    assert "timed on this machine" in " ".join(done.output.split())
    # The scale in full is longer than a screen, and would push what matters out of sight.
    assert "hidden_size: 32" not in done.output
    whole = CliRunner().invoke(
        app, [*arguments, "--full", "--cache", str(tmp_path / "cache"), "-o", str(tmp_path / "out")]
    )
    assert "hidden_size: 32" in whole.output
