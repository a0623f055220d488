"""Methods that are fitted in a run: when, on what, and what a kill or damage may not change."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import cupel
from cupel.contract import is_whole, read_about
from cupel.errors import BadInput, BadOption, Damaged, OutputInUse, UnknownName
from cupel.models.ngram import Ngram
from cupel.recipe.planner import make_plan
from cupel.recipe.recipe import Recipe
from cupel.store import Store

STEPS: list[Any] = [
    "exact",
    "gopher-quality",
    {"ngram-perplexity": {"order": 3}},
    {"sample": {"by": "ngram_perplexity", "budget": "50%", "temperature": 0, "lowest": True}},
]


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache that no other test has filled."""
    monkeypatch.setenv("CUPEL_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def pool(make_pool: Callable[..., Path]) -> Path:
    return make_pool(documents=400, files=4)


def recipe(steps: list[Any] = STEPS, **fields: Any) -> Recipe:
    return Recipe.from_dict({"name": "fitted", "steps": steps, **fields})


def passes(steps: list[Any], **fields: Any) -> list[str]:
    return [line.partition(": ")[2] for line in make_plan(recipe(steps, **fields)).describe()]


def test_a_fit_ends_the_pass_before_it() -> None:
    assert passes(STEPS) == [
        "exact",
        "measure 8 signals → gopher-quality",
        "fit ngram-perplexity → measure 2 signals → sample",
        "write",
    ]
    # With nothing before it the input is read once, for the fit.
    assert passes(["ngram-perplexity"]) == ["write", "fit ngram-perplexity → measure 2 signals"]


def test_a_fit_after_a_cut_sees_what_is_left() -> None:
    steps = [{"lines": {"action": "cut"}}, "ngram-perplexity"]
    assert passes(steps) == ["lines", "write", "fit ngram-perplexity → measure 2 signals"]


def test_a_method_is_fitted_once() -> None:
    """The text changes, and is measured again by what was learned before."""
    steps = ["ngram-perplexity", "whitespace", "ngram-perplexity"]
    assert sum("fit" in line for line in passes(steps)) == 1


def test_what_is_learned_is_learned_from_what_is_left(pool: Path, tmp_path: Path) -> None:
    result = cupel.refine(recipe(), input=pool, output=tmp_path / "out")
    manifest = result.manifest
    learned = manifest["artifacts"]["ngram-perplexity"]
    before = cupel.refine(recipe(["exact", "gopher-quality"]), input=pool, output=tmp_path / "before")
    assert (
        learned["about"]["documents"] == before.manifest["documents"]["kept"] > manifest["documents"]["kept"]
    )
    by_hand = Ngram.fit((batch["text"] for batch in before.corpus().batches()), order=3)
    own = Ngram.load(result.output / "artifacts" / "ngram-perplexity")
    assert own.digest == by_hand.digest


def test_the_artifact_is_sealed_and_verified(pool: Path, tmp_path: Path) -> None:
    output = cupel.refine(recipe(), input=pool, output=tmp_path / "out").output
    assert cupel.verify(output).damaged == ()
    model = output / "artifacts" / "ngram-perplexity" / "model.ngram"
    model.write_bytes(model.read_bytes()[:-1] + b"\x00\x00")
    assert [damage.path for damage in cupel.verify(output).damaged] == [model]


@pytest.mark.parametrize("shard_bytes", [1 << 14, 1 << 30])
def test_neither_shards_nor_threads_change_the_artifact(pool: Path, tmp_path: Path, shard_bytes: int) -> None:
    single_core = cupel.refine(recipe(), input=pool, output=tmp_path / "one", engine=cupel.Engine(cores=1))
    shutil.rmtree(tmp_path / "cache")
    other = cupel.refine(recipe(), input=pool, output=tmp_path / "other", target_shard_bytes=shard_bytes)
    assert single_core.manifest["artifacts"] == other.manifest["artifacts"]
    assert single_core.manifest["content_hash"] == other.manifest["content_hash"]


def test_a_run_that_begins_in_the_same_way_learns_nothing_again(
    pool: Path, tmp_path: Path, own_cache: Path
) -> None:
    first = cupel.refine(recipe(), input=pool, output=tmp_path / "one")
    (artifact,) = Store(own_cache).artifacts()
    made = artifact.path.stat().st_mtime_ns
    changed = [*STEPS[:-1], {"sample": {"budget": "10%"}}]
    second = cupel.refine(recipe(changed), input=pool, output=tmp_path / "two")
    assert second.manifest["artifacts"] == first.manifest["artifacts"]
    assert [artifact.path.stat().st_mtime_ns for artifact in Store(own_cache).artifacts()] == [made]
    # Another step before it, or another option, is another artifact.
    for name, steps in {
        "fewer": STEPS[1:],
        "order": [*STEPS[:2], {"ngram-perplexity": {"order": 2}}],
    }.items():
        third = cupel.refine(recipe(steps), input=pool, output=tmp_path / name)
        assert third.manifest["artifacts"] != first.manifest["artifacts"]
    assert len(Store(own_cache).artifacts()) == 3


def test_a_damaged_artifact_in_the_cache_is_learned_again(
    pool: Path, tmp_path: Path, own_cache: Path
) -> None:
    first = cupel.refine(recipe(), input=pool, output=tmp_path / "one")
    (artifact,) = Store(own_cache).artifacts()
    (artifact.path / "model.ngram").write_bytes(b"nothing")
    second = cupel.refine(recipe(), input=pool, output=tmp_path / "two")
    assert second.manifest["artifacts"] == first.manifest["artifacts"]


FITTING = """
import os, signal, sys
from cupel.models import ngram

save = ngram.Ngram.save

def stop(model, folder):
    save(model, folder)
    os.kill(os.getpid(), signal.SIGKILL)

if os.environ.get("STOP"):
    ngram.Ngram.save = stop
import cupel
from cupel.recipe.recipe import Recipe
cupel.refine(Recipe.load(sys.argv[1]), input=sys.argv[2], output=sys.argv[3])
"""


def test_killed_in_the_middle_of_a_fit_the_same_artifact_comes_out(pool: Path, tmp_path: Path) -> None:
    whole = cupel.refine(recipe(), input=pool, output=tmp_path / "whole")
    shutil.rmtree(tmp_path / "cache")
    (tmp_path / "recipe.yaml").write_text(recipe().to_yaml())
    command = [
        sys.executable,
        "-c",
        FITTING,
        str(tmp_path / "recipe.yaml"),
        str(pool),
        str(tmp_path / "killed"),
    ]
    done = subprocess.run(command, env=os.environ | {"STOP": "1"}, capture_output=True)
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    assert not (tmp_path / "killed" / "artifacts" / "ngram-perplexity").exists()
    done = subprocess.run(command, env=os.environ.copy(), capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    manifest = json.loads((tmp_path / "killed" / "manifest.json").read_bytes())
    assert manifest["artifacts"] == whole.manifest["artifacts"]
    assert manifest["content_hash"] == whole.manifest["content_hash"]


def test_an_artifact_damaged_while_the_run_was_stopped_is_made_again(pool: Path, tmp_path: Path) -> None:
    whole = cupel.refine(recipe(), input=pool, output=tmp_path / "whole")
    output = tmp_path / "stopped"
    # Stopped in the decision of the last step: everything before it is there.
    with pytest.MonkeyPatch.context() as patch:
        from cupel.select.sample import GumbelSample

        def stop(*_: object) -> None:
            raise KeyboardInterrupt

        patch.setattr(GumbelSample, "decide", stop)
        with pytest.raises(cupel.errors.Stopped):
            cupel.refine(recipe(), input=pool, output=output)
    model = output / "artifacts" / "ngram-perplexity" / "model.ngram"
    model.write_bytes(b"damaged")
    result = cupel.refine(recipe(), input=pool, output=output)
    assert result.manifest["artifacts"] == whole.manifest["artifacts"]
    assert result.manifest["content_hash"] == whole.manifest["content_hash"]
    assert cupel.verify(output).damaged == ()


def test_an_artifact_made_outside_is_used_as_it_is(pool: Path, tmp_path: Path) -> None:
    made = cupel.fit("ngram-perplexity", input=[str(pool)], output=tmp_path / "model", options={"order": 3})
    assert is_whole(made.folder)
    assert made.about["about"]["documents"] == 400
    steps = [{"ngram-perplexity": {"artifact": str(made.folder)}}]
    assert passes(steps) == ["fit ngram-perplexity → measure 2 signals", "write"]
    result = cupel.refine(recipe(steps), input=pool, output=tmp_path / "out")
    assert result.manifest["artifacts"]["ngram-perplexity"]["files"] == made.about["files"]
    # The recipe is another one where the artifact is.
    other = cupel.fit("ngram-perplexity", input=[str(pool)], output=tmp_path / "other", options={"order": 2})
    digests = {
        recipe([{"ngram-perplexity": {"artifact": str(folder)}}]).digest
        for folder in (made.folder, other.folder)
    }
    assert len(digests) == 2
    # In the same place, with the same content, nothing is done.
    again = cupel.fit("ngram-perplexity", input=[str(pool)], output=tmp_path / "model", options={"order": 3})
    assert again.about == made.about


def test_what_is_no_artifact_is_refused(pool: Path, tmp_path: Path) -> None:
    steps = [{"ngram-perplexity": {"artifact": str(tmp_path / "nowhere")}}]
    with pytest.raises(BadInput, match="is not there; `cupel fit` makes artifacts"):
        make_plan(recipe(steps))
    (tmp_path / "folder").mkdir()
    with pytest.raises(BadInput, match=r"has no about\.json"):
        make_plan(recipe([{"ngram-perplexity": {"artifact": str(tmp_path / "folder")}}]))
    made = cupel.fit("ngram-perplexity", input=[str(pool)], output=tmp_path / "model")
    (made.folder / "model.ngram").write_bytes(b"")
    with pytest.raises(Damaged, match="cupel fit"):
        cupel.refine(
            recipe([{"ngram-perplexity": {"artifact": str(made.folder)}}]),
            input=pool,
            output=tmp_path / "out",
        )


def test_fit_refuses_what_it_cannot_do(pool: Path, tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="no fitted method is called 'counts'"):
        cupel.fit("counts", input=[str(pool)], output=tmp_path / "model")
    with pytest.raises(BadInput, match="learns from documents; name a pool"):
        cupel.fit("ngram-perplexity", output=tmp_path / "model")
    with pytest.raises(BadOption, match="'artifact' is what is made here"):
        cupel.fit("ngram-perplexity", input=[str(pool)], output=tmp_path / "model", options={"artifact": "x"})
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    with pytest.raises(OutputInUse, match="not empty, and no artifact"):
        cupel.fit("ngram-perplexity", input=[str(pool)], output=tmp_path / "mine", restart=True)
    cupel.fit("ngram-perplexity", input=[str(pool)], output=tmp_path / "model")
    with pytest.raises(OutputInUse, match="with other options"):
        cupel.fit("ngram-perplexity", input=[str(pool)], output=tmp_path / "model", options={"order": 2})
    made = cupel.fit(
        "ngram-perplexity", input=[str(pool)], output=tmp_path / "model", options={"order": 2}, restart=True
    )
    assert read_about(made.folder)["options"]["order"] == 2


def test_nothing_to_learn_from_is_said(tmp_path: Path) -> None:
    (tmp_path / "pool.jsonl").write_text('{"text": "… !"}\n')
    result = cupel.refine(
        recipe(["ngram-perplexity"]), input=tmp_path / "pool.jsonl", output=tmp_path / "out"
    )
    (section,) = [section for section in result.page().sections if section.key == "fitted"]
    assert section.lead == "There were no words to learn from, so that no document has a value."
    assert result.corpus().to_arrow()["signals"].to_pylist() == [
        {"ngram_perplexity": None, "ngram_bits_per_byte": None}
    ]


def test_the_cache_stays_within_its_bound(
    pool: Path, tmp_path: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What no running process uses goes; a run ends with the artifacts that it used in its own folder."""
    script = "import cupel, sys; cupel.refine(cupel.Recipe.load(sys.argv[1]), input=sys.argv[2], output=sys.argv[3])"
    (tmp_path / "recipe.yaml").write_text(recipe().to_yaml())
    command = [sys.executable, "-c", script, str(tmp_path / "recipe.yaml"), str(pool), str(tmp_path / "one")]
    subprocess.run(command, check=True, env=os.environ.copy())
    (first,) = Store(own_cache).artifacts()
    monkeypatch.setenv("CUPEL_CACHE_SIZE", "1kB")
    cupel.refine(recipe(["ngram-perplexity"]), input=pool, output=tmp_path / "two")
    assert first.path not in [artifact.path for artifact in Store(own_cache).artifacts()]
    assert cupel.verify(tmp_path / "one").damaged == cupel.verify(tmp_path / "two").damaged == ()


def test_another_version_of_cupel_learns_anew(
    pool: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may read or edit documents in another way, and the cache outlives an upgrade."""
    runs = []
    for number in ("1.0", "2.0"):
        monkeypatch.setattr("cupel.recipe.survivors.version", lambda number=number: number)
        runs.append(cupel.refine(recipe(), input=pool, output=tmp_path / number))
    inputs = [run.manifest["artifacts"]["ngram-perplexity"]["inputs"]["documents"] for run in runs]
    assert inputs[0] != inputs[1]
