"""Arms of chats, tuned from a base: as small as they can be, from end to end."""

from __future__ import annotations

import json
import random
from pathlib import Path

import numpy as np
import pytest

import cupel
from cupel.errors import BadInput, BadOption
from cupel.lab.base import base_arm, finished_trial
from cupel.lab.data.arms import Arm
from cupel.lab.scale import Base
from tests.lab.test_assay import TINY, _sentence

pytest.importorskip("torch", reason="needs the extra lab")

SFT = {**TINY, "tokens": 20_000, "base.tokens": 20_000, "evaluation.held_out_bytes": 8_000}


@pytest.fixture(autouse=True)
def _no_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "/nowhere/g++")


@pytest.fixture(scope="module")
def chats(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Alpaca-style files: one whose answers follow a rule, and one whose answers are noise."""
    folder = tmp_path_factory.mktemp("chats")
    draw = random.Random(0)
    for name in ("clean", "noise", "fresh"):
        rows = []
        for number in range(60 if name == "fresh" else 500):
            answer = "".join(draw.choices("xqzjkv ", k=120)) if name == "noise" else _sentence(draw)
            question = _sentence(draw)[:40]
            rows.append({"id": f"{name}{number}", "instruction": question, "input": "", "output": answer})
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def options(chats: Path, **changes: object) -> cupel.AssayOptions:
    values: dict[str, object] = {
        "seeds": 3,
        "held_out": (str(chats / "fresh.jsonl"),),
        "cache": chats / "cache",
    }
    return cupel.AssayOptions(**{**values, **changes})  # type: ignore[arg-type]


def test_noisy_answers_are_called_worse(chats: Path) -> None:
    arms = [str(chats / "clean.jsonl"), str(chats / "noise.jsonl")]
    result = cupel.assay(arms, scale=cupel.Scale.load("nano-sft", SFT), options=options(chats))
    (comparison,) = result.verdict.to_json()["comparisons"]
    assert (comparison["verdict"], comparison["metric"]) == ("worse", "answer_bits_per_byte")
    for store in result.stores.values():
        assert store.mask is not None
        assert 0.2 < np.mean(store.mask) < 0.95
    jobs = [trial.record["job"] for trials in result.trials.values() for trial in trials.values()]
    assert len({job["initial_digest"] for job in jobs}) == 1, "all start from one base"
    assert "No base was named" in " ".join(result.notes)
    bases = [
        path for path in (chats / "cache" / "trials").glob("*/trial.json") if _name(path) == "base, seed 0"
    ]
    assert len(bases) == 1
    again = cupel.assay(arms, scale=cupel.Scale.load("nano-sft", SFT), options=options(chats))
    assert all(trial.cached for trials in again.trials.values() for trial in trials.values())
    assert again.to_json()["verdict"] == result.to_json()["verdict"]


def _name(path: Path) -> str:
    return str(json.loads(path.read_text())["name"])


def test_held_out_chats_are_taken_from_every_arm_and_trained_on_by_none(chats: Path) -> None:
    arms = [str(chats / "clean.jsonl"), str(chats / "noise.jsonl")]
    single = options(chats, seeds=1, held_out=())
    result = cupel.assay(arms, scale=cupel.Scale.load("nano-sft", SFT), options=single)
    held = result.overlap.documents
    assert held["answers"].null_count == 0
    ids = set(held["id"].to_pylist())
    for store in result.stores.values():
        assert not ids & {store.id(number) for number in range(store.documents)}
    assert {measure.subset for measure in result.measures["clean"][0]} == {"text of clean", "text of noise"}


def test_what_the_base_has_seen_is_not_scored(chats: Path, tmp_path: Path) -> None:
    fresh = (chats / "fresh.jsonl").read_text().splitlines()
    text = tmp_path / "text.jsonl"
    text.write_text((chats / "clean.jsonl").read_text() + "\n".join(fresh[:20]) + "\n")
    arms = [str(chats / "clean.jsonl"), str(chats / "noise.jsonl")]
    scale = cupel.Scale.load("nano-sft", SFT)
    result = cupel.assay(arms, scale=scale, options=options(chats, seeds=1, base=str(text)))
    assert result.overlap.arms == ("clean", "noise", "the base")
    seen = dict(zip(result.overlap.documents["id"].to_pylist(), result.overlap.seen[2].tolist(), strict=True))
    assert {id for id, was_seen in seen.items() if was_seen} == {f"fresh{number}" for number in range(20)}
    assert not any(result.overlap.seen[1])


def test_a_base_that_is_named(chats: Path) -> None:
    arms = [str(chats / "clean.jsonl"), str(chats / "noise.jsonl")]
    scale = cupel.Scale.load("nano-sft", SFT)
    pool = cupel.assay(arms, scale=scale, options=options(chats, seeds=1, base=str(chats / "clean.jsonl")))
    assert "No base was named" not in " ".join(pool.notes)
    assert pool.overlap.arms == ("clean", "noise"), "the base's text is an arm's, and was looked at with it"
    (path,) = {
        path.parent
        for path in (chats / "cache" / "trials").glob("*/trial.json")
        if (path.parent / "model.safetensors").is_file()
        and finished_trial(path.parent)
        and _digest(path) == next(iter(pool.trials["clean"].values())).record["job"]["initial_digest"]
    }
    # The trial's own sizes hold, whatever the scale says.
    other = scale.changed({"model.layers": 2})
    named = cupel.assay(arms, scale=other, options=options(chats, seeds=1, base=str(path)))
    trial = next(iter(named.trials["clean"].values()))
    assert trial.record["job"]["model"]["layers"] == 1
    assert named.tokenizer.digest == pool.tokenizer.digest
    assert trial.folder == next(iter(pool.trials["clean"].values())).folder
    with pytest.raises(BadOption, match="the tokenizer is that of the base"):
        cupel.assay(
            arms, scale=scale, options=options(chats, base=str(path), tokenizer=path / "tokenizer.json")
        )


def _digest(path: Path) -> str:
    from cupel.store import digest_file

    return digest_file(path.parent / "model.safetensors")


def test_what_cannot_be_a_base_is_said(chats: Path, tmp_path: Path) -> None:
    arms = [str(chats / "clean.jsonl"), str(chats / "noise.jsonl")]
    with pytest.raises(BadOption, match="scale 'nano' starts from no model"):
        cupel.assay(arms, scale="nano", options=options(chats, base=arms[0]))
    with pytest.raises(BadInput, match="not a finished trial"):
        finished_trial(tmp_path)
    (tmp_path / "trial.json").write_text("{}")
    with pytest.raises(BadInput, match="not a finished trial"):
        cupel.assay(arms, scale="nano-sft", options=options(chats, base=str(tmp_path)))
    nested = cupel.Scale.load("nano-sft", {**SFT, "base.scale": "nano-sft"})
    with pytest.raises(BadOption, match="which starts from a model itself"):
        cupel.assay(arms, scale=nested, options=options(chats))


def test_the_text_of_all_arms_in_equal_parts() -> None:
    arms = [Arm.parse("a=web:1,books:3"), Arm.parse("b=wiki")]
    parts = base_arm(Base(), arms).parts
    assert [(part.path, part.share) for part in parts] == [("web", 0.125), ("books", 0.375), ("wiki", 0.5)]
    assert base_arm(Base(arm="x=web"), arms).parts[0].path == "web"
