"""A recipe of rules, fits, a model and a selector, killed again and again: one corpus, one set of artifacts."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import cupel
from tests.recipe.test_ray import judging, mixed

RUN = """
import os, random, signal, sys
from pathlib import Path

import cupel
from cupel.recipe import folder
from cupel.store import files

left = int(os.environ["KILL_AFTER"])
rename = os.replace

def counted(*paths):
    # Whatever a run makes appears under its name by a rename: each is a moment to die at.
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    rename(*paths)

os.replace = counted
cupel.refine(cupel.Recipe.load(sys.argv[1]), input=sys.argv[2], output=sys.argv[3], target_shard_bytes=100_000)
"""


def test_killed_at_any_moment(make_pool: Callable[..., Path], tmp_path: Path, thorough: bool) -> None:
    pool = make_pool(documents=300, files=3)
    with judging() as model, pytest.MonkeyPatch.context() as patch:
        patch.setenv("CUPEL_CACHE", str(tmp_path / "whole-cache"))
        recipe = cupel.Recipe.from_dict({"name": "r", "steps": mixed(tmp_path, model)})
        whole = cupel.refine(recipe, input=pool, output=tmp_path / "whole", target_shard_bytes=100_000)
        (tmp_path / "recipe.yaml").write_text(recipe.to_yaml())
        output, rng, kills = tmp_path / "killed", random.Random(1), 0
        command = [sys.executable, "-c", RUN, str(tmp_path / "recipe.yaml"), str(pool), str(output)]
        while kills < (20 if thorough else 4):
            after = rng.randint(1, 25 if thorough else 60)
            environment = os.environ | {"CUPEL_CACHE": str(tmp_path / "cache"), "KILL_AFTER": str(after)}
            done = subprocess.run(command, env=environment, capture_output=True)
            if done.returncode == 0:  # it came to its end: from the beginning, to be killed elsewhere
                shutil.rmtree(output)
                shutil.rmtree(tmp_path / "cache")
                continue
            assert done.returncode == -signal.SIGKILL, done.stderr.decode()
            kills += 1
        done = subprocess.run(command, env=environment | {"KILL_AFTER": "-1"}, capture_output=True)
        assert done.returncode == 0, done.stderr.decode()
    manifest = json.loads((output / "manifest.json").read_bytes())
    assert manifest["content_hash"] == whole.manifest["content_hash"]
    assert manifest["artifacts"] == whole.manifest["artifacts"]
    assert manifest["documents"] == whole.manifest["documents"]
    assert cupel.verify(output).damaged == ()
