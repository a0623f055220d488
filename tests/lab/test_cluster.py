"""Trials as tasks of a Ray cluster: the same curves as on this machine, and failures told."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import pytest

from cupel.lab.training.job import TrainJob
from cupel.lab.training.records import read_curve

pytest.importorskip("torch", reason="needs the extra lab")
pytest.importorskip("ray", reason="needs the extra ray")

# In a process of its own: Daft holds one engine a process.
ON_RAY = """
import json, os
os.environ["CXX"] = "/nowhere/g++"  # compiling takes longer than these trials
import cupel
from cupel.errors import RunFailed
from cupel.lab.lab import Lab, TrialPlan

changes = {{
    "tokens": 4096, "model.hidden_size": 32, "model.layers": 1, "model.heads": 2, "model.feed_forward_size": 64,
    "model.context": 64, "tokenizer.vocabulary": 300, "training.sequences": 4,
}}
texts = [f"the {{n}}th café of {{n % 7}} streets, near the {{n % 5}} bridges of 東京" for n in range(400)]
engine = cupel.Engine("ray")
lab = Lab.make(texts, scale=cupel.Scale.load("nano", changes), cache={cache!r}, workers=1, engine=engine)
plans = [TrialPlan("cafés", lab.tokens(texts, "cafés"), seed) for seed in (0, 1)]
told = {{"cluster": lab.on.cluster, "folders": [str(trial.folder) for trial in lab.train(plans)]}}
told["again"] = [trial.cached for trial in lab.train(plans)]
try:
    lab.train([TrialPlan("cafés", plans[0].store, 3, {{"training.learning_rate": 1e30, "training.clip": 1e30}})])
except RunFailed as error:
    told["failed"] = str(error)
print(json.dumps(told))
"""


@pytest.mark.slow
def test_a_cluster_trains_the_same_trials(tmp_path: Path) -> None:
    from cupel.lab.training.trainer import Trainer

    path = tmp_path / "on_ray.py"
    path.write_text(textwrap.dedent(ON_RAY).format(cache=str(tmp_path / "cache")))
    done = subprocess.run([sys.executable, str(path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    record = json.loads(done.stdout.strip().splitlines()[-1])
    assert record["cluster"]
    assert record["again"] == [True, True]
    assert "the loss of step" in record["failed"]
    trainer, curves = Trainer(), []
    for seed, folder in enumerate(map(Path, record["folders"])):
        job = replace(TrainJob.read(folder / "job.json"), output=str(tmp_path / f"here-{seed}"))
        assert (job.seed, job.steps) == (seed, 16)
        curves.append(read_curve(folder)["loss"].tolist())
        assert curves[-1] == read_curve(trainer.train(job))["loss"].tolist()
    assert curves[0] != curves[1]
