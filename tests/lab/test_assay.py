"""Assays from end to end, as small as they can be, on the command line's own path."""

import itertools
import json
import random
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from typer.testing import CliRunner

import cupel
from cupel.errors import BadInput, BadOption, UnknownName
from cupel.findings import Table
from cupel.lab.data import spool
from cupel.lab.data.documents import read_documents, without
from cupel.lab.data.overlap import find_overlap
from cupel.lab.lab import Lab
from cupel.store import Store
from tests.conftest import WORDS

pytest.importorskip("torch", reason="needs the extra lab")

TINY = {
    "tokens": 30_000,
    "model.hidden_size": 32,
    "model.layers": 1,
    "model.heads": 2,
    "model.feed_forward_size": 64,
    "model.context": 64,
    "tokenizer.vocabulary": 400,
    "training.sequences": 8,
    "training.learning_rate": 0.02,
    "evaluation.held_out_bytes": 20_000,
}


def _sentence(draw: random.Random) -> str:
    """Words that follow each other by a rule, so that there is something to learn."""
    place = draw.randrange(len(WORDS))
    said = []
    for _ in range(draw.randint(20, 60)):
        said.append(WORDS[place % len(WORDS)])
        place += draw.choice((1, 7))
    return " ".join(said)


def _write(path: Path, texts: list[str]) -> Path:
    path.write_text(
        "".join(json.dumps({"id": f"{path.stem}{n}", "text": t}) + "\n" for n, t in enumerate(texts))
    )
    return path


@pytest.fixture(scope="module")
def pools(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pools")
    draw = random.Random(0)
    clean = [_sentence(draw) for _ in range(600)]
    junk = ["".join(draw.choices("xqzjkv ", k=200)) for _ in range(600)]
    _write(folder / "clean.jsonl", clean)
    _write(folder / "junk.jsonl", [*clean[:200], *junk])
    _write(folder / "fresh.jsonl", [_sentence(draw) for _ in range(60)])
    return folder


@pytest.fixture(autouse=True)
def _no_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    # Compiling takes longer than these trials; the trainer is the same without.
    monkeypatch.setenv("CXX", "/nowhere/g++")


def test_junk_is_called_worse(pools: Path, tmp_path: Path) -> None:
    arguments = ["assay", str(pools / "clean.jsonl"), f"dirty={pools / 'junk.jsonl'}", "--seeds", "3"]
    arguments += [word for name, value in TINY.items() for word in ("--set", f"{name}={value}")]
    arguments += ["--held-out", str(pools / "fresh.jsonl"), "--price", "0.1", "-o", str(tmp_path / "out")]
    from cupel.cli._app import app

    done = CliRunner().invoke(app, [*arguments, "--cache", str(pools / "cache")])
    assert done.exit_code == 0, done.output
    assert "dirty is worse than clean" in " ".join(done.output.split())
    record = json.loads((tmp_path / "out" / "assay.json").read_text())
    (comparison,) = record["verdict"]["comparisons"]
    assert (comparison["verdict"], comparison["metric"], comparison["subset"]) == (
        "worse",
        "bits_per_byte",
        "fresh",
    )
    assert [(trial["arm"], trial["seed"]) for trial in record["trials"]] == [
        (arm, seed) for arm in ("clean", "dirty") for seed in range(3)
    ]
    page = (tmp_path / "out" / "report.html").read_text()
    assert "dirty is worse than clean" in page
    assert "Generations" in page


def test_again_it_takes_nothing_and_says_the_same(pools: Path) -> None:
    options = cupel.AssayOptions(seeds=2, held_out=(str(pools / "fresh.jsonl"),), cache=pools / "cache")
    scale = cupel.Scale.load("nano", TINY)
    arms = [str(pools / "clean.jsonl"), f"dirty={pools / 'junk.jsonl'}"]
    first = cupel.assay(arms, scale=scale, options=options)
    again = cupel.assay(arms, scale=scale, options=options)
    assert all(trial.cached for seeds in again.trials.values() for trial in seeds.values())
    assert first.to_json()["verdict"] == again.to_json()["verdict"]


def test_held_out_text_is_scored_on_the_way(pools: Path) -> None:
    """The trials and the verdict stay what they are without."""
    fresh, cache = (str(pools / "fresh.jsonl"),), pools / "cache"
    arms = [str(pools / "clean.jsonl"), f"dirty={pools / 'junk.jsonl'}"]
    scale = cupel.Scale.load("nano", TINY)
    without = cupel.assay(arms, scale=scale, options=cupel.AssayOptions(2, held_out=fresh, cache=cache))
    options = cupel.AssayOptions(2, held_out=fresh, cache=cache, curve=4)
    plan = cupel.plan_assay(arms, scale=scale, options=options)
    assert (len(plan.work.jobs), plan.work.scored) == (4, 16)
    assay = cupel.assay(arms, scale=scale, options=options)
    assert assay.verdict == without.verdict
    assert "Held-out text during training" not in {section.title for section in without.page.sections}
    for curve in assay.held_out_curves:
        trial = assay.trials[curve.arm][curve.seed]
        assert trial.steps == 59
        assert curve.tokens == [8 * 64 * step for step in (14, 29, 44, 59)]
        assert curve.loss[-1] == assay.measures[curve.arm][curve.seed][0].value
        falls = [earlier - later for earlier, later in itertools.pairwise(curve.loss)]
        assert min(falls) > 0  # it learns all the way
    section = next(
        section for section in assay.page.sections if section.title == "Held-out text during training"
    )
    table = section.blocks[1]
    assert isinstance(table, Table)
    assert table.columns == ("tokens", "clean", "dirty", "dirty, difference")
    assert len(table.rows) == 4
    (comparison,) = assay.verdict.comparisons
    assert table.rows[-1][1:] == pytest.approx(
        (comparison.baseline_value, comparison.value, comparison.value / comparison.baseline_value - 1)
    )
    assert [curve["arm"] for curve in assay.to_json()["held_out_curves"]] == [
        "clean",
        "clean",
        "dirty",
        "dirty",
    ]
    assert len(cupel.plan_assay(arms, scale=scale, options=options).work.jobs) == 0


def test_a_curve_has_a_part() -> None:
    with pytest.raises(BadOption, match="curve is 0"):
        cupel.AssayOptions(curve=0)


def test_held_out_text_is_taken_from_every_arm_and_trained_on_by_none(pools: Path, tmp_path: Path) -> None:
    options = cupel.AssayOptions(seeds=1, cache=pools / "cache")
    assay = cupel.assay(
        [str(pools / "clean.jsonl"), str(pools / "fresh.jsonl")],
        scale=cupel.Scale.load("nano", TINY),
        output=tmp_path,
        options=options,
    )
    # The few fresh documents are seen several times.
    assert "fresh tokens that would do as much" in (tmp_path / "report.html").read_text()
    held = assay.overlap.documents
    assert set(held.column("domain").to_pylist()) == {"text of clean", "text of fresh"}
    ids = set(held.column("id").to_pylist())
    for store in assay.stores.values():
        assert not ids & {store.id(number) for number in range(store.documents)}
    assert "No text stands for what you want" in " ".join(assay.basis.alarms)


def test_an_arm_is_read_once(pools: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For its sample, held-out text, overlap and tokens; also where arms share a source, or tokens are there already."""
    clean, junk = str(pools / "clean.jsonl"), str(pools / "junk.jsonl")
    arms, scale = [clean, f"mixed={clean}:0.5,{junk}:0.5"], cupel.Scale.load("nano", TINY)
    reads: list[str] = []

    def counted(path: str, *, chats: bool) -> Iterator[pa.RecordBatch]:
        reads.append(path)
        return read_documents(path, chats=chats)

    monkeypatch.setattr(spool, "read_documents", counted)
    options = cupel.AssayOptions(seeds=1, cache=tmp_path)
    first = cupel.assay(arms, scale=scale, options=options)
    assert reads == [clean, junk]
    again = cupel.assay(arms, scale=scale, options=options)
    assert reads == [clean, junk] * 2
    assert again.overlap.share.tolist() == first.overlap.share.tolist()
    assert again.overlap.documents.equals(first.overlap.documents)
    # The same as when each look at an arm reads it anew.
    ids = frozenset(first.overlap.documents["id"].to_pylist())
    texts = {name: without(read_documents(path), ids) for name, path in (("clean", clean), ("junk", junk))}
    direct = find_overlap(first.overlap.documents, texts)
    assert first.overlap.share[0].tolist() == direct.share[0].tolist()
    assert (
        first.overlap.share[1].tolist()
        == find_overlap(
            first.overlap.documents,
            {"mixed": itertools.chain(*(without(read_documents(path), ids) for path in (clean, junk)))},
        )
        .share[0]
        .tolist()
    )
    lab = Lab(scale, first.tokenizer, Store(tmp_path / "other"), first.on)
    for arm in first.arms:
        store = lab.tokens(arm, arm.name, without_ids=ids)
        assert store.meta["digest"] == first.stores[arm.name].meta["digest"]


def test_a_recipe_and_a_mixture_are_arms(pools: Path) -> None:
    options = cupel.AssayOptions(seeds=1, held_out=(str(pools / "fresh.jsonl"),), cache=pools / "cache")
    recipe = pools / "once.yaml"
    recipe.write_text("name: once\nsteps: [exact]\n")
    clean, junk = pools / "clean.jsonl", pools / "junk.jsonl"
    assay = cupel.assay(
        [f"once={recipe}@{clean}", f"mixed={clean}:0.5,{junk}:0.5"],
        scale=cupel.Scale.load("nano", TINY),
        options=options,
    )
    assert [arm.name for arm in assay.arms] == ["once", "mixed"]
    mixed = assay.stores["mixed"]
    assert mixed.weights is not None
    share = (
        sum(float(mixed.weights[n]) * int(mixed.offsets[n + 1] - mixed.offsets[n]) for n in range(600))
        / mixed.meta["weighted_tokens"]
    )
    assert share == pytest.approx(0.5)
    funnels = [section for section in assay.page.sections if section.title.startswith("Funnel")]
    assert [section.title for section in funnels] == ["Funnel of once"]
    assert "exact" in str(funnels[0].blocks)


def test_what_cannot_be_assayed_is_said(pools: Path) -> None:
    clean = str(pools / "clean.jsonl")
    options = cupel.AssayOptions(cache=pools / "cache")
    with pytest.raises(BadOption, match="expected two or more to compare"):
        cupel.assay([clean], options=options)
    with pytest.raises(UnknownName, match="did you mean 'clean'"):
        cupel.assay([clean, str(pools / "junk.jsonl")], options=cupel.AssayOptions(baseline="clan"))
    with pytest.raises(BadOption, match="seeds is 0"):
        cupel.assay([clean, str(pools / "junk.jsonl")], options=cupel.AssayOptions(seeds=0))
    with pytest.raises(BadInput, match="all held-out text stands in the training data"):
        cupel.assay(
            [clean, str(pools / "junk.jsonl")],
            scale=cupel.Scale.load("nano", TINY),
            options=cupel.AssayOptions(held_out=(clean,), cache=pools / "cache"),
        )
