"""Trials as tasks of a Ray cluster: the same curves as on this machine, and failures told."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="the lab needs torch: pip install 'cupel[lab]'")
pytest.importorskip("ray", reason="the Ray engine is an extra: pip install 'cupel[ray]'")

# Each engine in a process of its own: Daft holds one a process.
TRAIN = """
import json, os, sys
import cupel
from cupel.errors import RunFailed
from cupel.lab.lab import Lab, TrialPlan
from cupel.lab.training.records import read_curve

os.environ["CXX"] = "/nowhere/g++"  # compiling takes longer than these trials
changes = {{
    "tokens": 4096, "model.hidden_size": 32, "model.layers": 1, "model.heads": 2, "model.feed_forward_size": 64,
    "model.context": 64, "tokenizer.vocabulary": 300, "training.sequences": 4,
}}
texts = [f"the {{n}}th café of {{n % 7}} streets, near the {{n % 5}} bridges of 東京" for n in range(400)]
lab = Lab.make(texts, scale=cupel.Scale.load("nano", changes), cache={cache!r}, workers=2, engine=cupel.Engine({engine!r}))
plans = [TrialPlan("cafés", lab.tokens(texts, "cafés"), seed) for seed in (0, 1, 2)]
trials = lab.train(plans)
told = {{"curves": [read_curve(trial.folder)["loss"].tolist() for trial in trials], "cluster": lab.on.cluster}}
told["again"] = [trial.cached for trial in lab.train(plans)]
try:
    lab.train([TrialPlan("cafés", plans[0].store, 3, {{"training.learning_rate": 1e30, "training.clip": 1e30}})])
except RunFailed as error:
    told["failed"] = str(error)
print(json.dumps(told))
"""


def trained(engine: str, folder: Path) -> dict:
    path = folder / f"on_{engine}.py"
    path.write_text(textwrap.dedent(TRAIN).format(engine=engine, cache=str(folder / engine)))
    done = subprocess.run([sys.executable, str(path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def test_a_cluster_trains_the_same_trials(tmp_path: Path) -> None:
    here, there = trained("native", tmp_path), trained("ray", tmp_path)
    assert there["cluster"]
    assert not here["cluster"]
    assert len(here["curves"][0]) == 16
    assert there["curves"] == here["curves"]
    assert here["curves"][0] != here["curves"][1]
    assert there["again"] == [True, True, True]
    assert "the loss of step" in there["failed"]
