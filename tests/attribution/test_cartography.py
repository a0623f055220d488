"""The data map: against a recount visit by visit, and on planted noise."""

from __future__ import annotations

import json
import random
import shutil
import string
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import cupel
from cupel.errors import BadInput, UnknownName
from cupel.lab.lab import Lab, TrialPlan
from cupel.lab.training.job import TrainJob
from cupel.lab.training.order import VISIT
from cupel.lab.training.records import read_visit_likely, read_visit_losses
from cupel.lab.training.tokens import TokenStore
from cupel.lab.trials import Machine, Trial
from cupel.store import Store
from cupel.verdict.auroc import auroc
from tests.lab import tokens
from tests.reproduction import world

pytest.importorskip("torch", reason="needs the extra lab")


def documents() -> pa.Table:
    """Sentences of common words; one document in eight is noise, one is long enough to lie in pieces."""
    rng = random.Random(5)
    rows = [{"id": f"d{n}", "text": text} for n, text in enumerate(tokens.texts(70, 4))]
    rows += [
        {"id": f"noise-{n}", "text": "".join(rng.choices(string.ascii_letters + " ", k=rng.randint(60, 250)))}
        for n in range(10)
    ]
    rows.append({"id": "long", "text": " ".join(tokens.texts(120, 9))})
    return pa.Table.from_pylist(rows)


@pytest.fixture(scope="module")
def trials(tmp_path_factory: pytest.TempPathFactory) -> list[Trial]:
    folder = tmp_path_factory.mktemp("trials")
    bench = Lab(world.SCALE, tokens.tokenizer(folder), Store(folder), Machine("cpu", False, False, 1))
    store = bench.tokens(documents(), "noisy")
    changes = {"tokens": 5 * len(store.tokens)}
    return bench.train([TrialPlan("noisy", store, seed, changes) for seed in (0, 1)])


def examined(folders: list[Path], output: Path, **options: object) -> cupel.KeptFinding:
    return cupel.examine(
        "cartography", folders, output=output, options=options, cache=output.parent / "cache", report=False
    )


def recount(trial: Path) -> dict[str, list[tuple[float, int, int]]]:
    """By id, of every visit: probability, likely tokens, all tokens; document by document, the plain way."""
    job = TrainJob.read(trial / "job.json")
    store = TokenStore(Path(job.tokens))
    order = np.fromfile(trial / "visits.bin", VISIT)
    likely = read_visit_likely(trial)
    assert likely is not None
    sums: dict[tuple[str, int], list[float]] = {}
    turns: dict[int, int] = {}
    turn_of: dict[int, int] = {}
    for row, certain in zip(read_visit_losses(trial), likely, strict=True):
        visit = int(row["visit"])
        piece = int(order["document"][visit])
        if visit not in turn_of:
            turn_of[visit] = turns.get(piece, 0)
            turns[piece] = turn_of[visit] + 1
        into = sums.setdefault((store.id(piece), turn_of[visit]), [0.0, 0.0, 0.0])
        for place, value in enumerate((row["loss"], certain, row["tokens"])):
            into[place] += float(value)
    visits: dict[str, list[tuple[float, int, int]]] = {}
    for (id, _), (loss, certain, count) in sums.items():
        visits.setdefault(id, []).append((float(np.exp(-loss / count)), int(certain), int(count)))
    return visits


def test_values_are_those_of_a_plain_recount(trials: list[Trial], tmp_path: Path) -> None:
    table = examined([trials[0].folder], tmp_path / "map").table("documents")
    visits = recount(trials[0].folder)
    assert set(table["id"].to_pylist()) == set(visits) == set(documents()["id"].to_pylist())
    for row in table.to_pylist():
        own = visits[row["id"]]
        chances = np.array([chance for chance, _, _ in own])
        assert row["visits"] == len(own)
        assert row["confidence"] == pytest.approx(chances.mean())
        assert row["correctness"] == pytest.approx(
            sum(certain for _, certain, _ in own) / sum(count for _, _, count in own)
        )
        if len(own) > 1:
            assert row["variability"] == pytest.approx(chances.std(), abs=1e-9)
        else:
            assert row["variability"] is None


def test_likely_tokens_are_those_above_one_half(trials: list[Trial]) -> None:
    """A document cannot be likelier than its tokens allow: with all of n tokens above 1/2, its loss is below n ln 2."""
    losses = read_visit_losses(trials[0].folder)
    likely = read_visit_likely(trials[0].folder)
    assert likely is not None
    assert len(likely) == len(losses)
    assert 0 < likely.sum() < losses["tokens"].sum()
    assert (likely <= losses["tokens"]).all()
    # Every token that is not likely costs ln 2 or more.
    assert (losses["loss"] >= (losses["tokens"] - likely) * np.log(2) - 1e-3).all()


def test_noise_is_hard_to_learn_and_seeds_are_taken_together(trials: list[Trial], tmp_path: Path) -> None:
    table = examined([trial.folder for trial in trials], tmp_path / "map").table("documents")
    noise = np.array([id.startswith("noise") for id in table["id"].to_pylist()])
    value, _, _ = auroc(-table["confidence"].to_numpy(), noise)
    assert value > 0.9
    first = recount(trials[0].folder)
    other = recount(trials[1].folder)
    for row in table.to_pylist():
        chances = [[chance for chance, _, _ in visits[row["id"]]] for visits in (first, other)]
        assert row["confidence"] == pytest.approx(np.mean(np.concatenate(chances)))
        deviations = [(chance - np.mean(own)) ** 2 for own in chances for chance in own]
        assert row["variability"] == pytest.approx(np.sqrt(np.mean(deviations)), abs=1e-9)


def test_first_visits_can_be_left_out(trials: list[Trial], tmp_path: Path) -> None:
    whole = examined([trials[0].folder], tmp_path / "whole").table("documents")
    later = examined([trials[0].folder], tmp_path / "later", skip=2).table("documents")
    assert np.sum(later["visits"].to_numpy()) < np.sum(whole["visits"].to_numpy())
    assert np.mean(later["confidence"].to_numpy()) > np.mean(whole["confidence"].to_numpy())


def test_what_cannot_be_mapped_is_refused(trials: list[Trial], tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no trial visited a document twice"):
        examined([trials[0].folder], tmp_path / "out", skip=5)
    with pytest.raises(BadInput, match="no such folder"):
        examined([tmp_path / "nowhere"], tmp_path / "out")
    with pytest.raises(BadInput, match="holds no finished trial"):
        examined([tmp_path], tmp_path / "out")
    with pytest.raises(UnknownName, match="did you mean 'skip'"):
        examined([trials[0].folder], tmp_path / "out", skp=1)
    assert not (tmp_path / "out").exists()


def test_a_trial_without_likely_tokens_has_no_correctness(trials: list[Trial], tmp_path: Path) -> None:
    import shutil

    old = tmp_path / "old"
    shutil.copytree(trials[0].folder, old)
    (old / "visit_likely.bin").unlink()
    kept = examined([old], tmp_path / "map")
    assert kept.table("documents")["correctness"].null_count == len(documents())
    assert "no correctness" in kept.sections[-1].blocks[0].text  # type: ignore[union-attr]


def test_losses_that_are_no_probabilities_are_refused(tmp_path: Path, trials: list[Trial]) -> None:
    job = json.loads((trials[0].folder / "job.json").read_text())
    job["objective"]["options"] = {"z_loss": 1e-4}
    copy = tmp_path / "trial"
    shutil.copytree(trials[0].folder, copy)
    (copy / "job.json").write_text(json.dumps(job))
    with pytest.raises(
        BadInput, match=r"minimized next-token with \{'z_loss': 0.0001\}, whose losses are not -ln p"
    ):
        examined([copy], tmp_path / "map")
