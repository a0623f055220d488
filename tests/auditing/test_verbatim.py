"""The audit from end to end: planted repeats are recited, what the model has not seen is not."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import cupel
from cupel.errors import BadInput, BadOption, UnknownName
from cupel.lab.lab import Lab, TrialPlan
from cupel.lab.trials import Machine, Trial
from cupel.store import Store
from tests.lab import tokens
from tests.reproduction import world

pytest.importorskip("torch", reason="needs the extra lab")

REPEATED = tokens.texts(3, 77)
REPEATED = [f"{text} {text}"[:200] for text in REPEATED]


def rows(texts: list[str], name: str) -> list[dict[str, str]]:
    return [{"id": f"{name}-{place}", "text": text} for place, text in enumerate(texts)]


@pytest.fixture(scope="module")
def pools(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Training documents, three of them a hundred times over, and documents that are held out."""
    folder = tmp_path_factory.mktemp("pools")
    known = [*rows(tokens.texts(40, 1), "once"), *rows(REPEATED * 100, "often")]
    fresh = rows([text for text in tokens.texts(60, 2) if len(text) > 60], "fresh")
    paths = {}
    for name, documents in (("known", known), ("fresh", fresh)):
        paths[name] = folder / f"{name}.jsonl"
        paths[name].write_text("\n".join(map(json.dumps, documents)))
    return paths


@pytest.fixture(scope="module")
def trial(pools: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Trial:
    folder = tmp_path_factory.mktemp("trials")
    bench = Lab(world.SCALE, tokens.tokenizer(folder), Store(folder), Machine("cpu", False, False, 1))
    documents = [json.loads(line)["text"] for line in pools["known"].read_text().splitlines()]
    (trained,) = bench.train([TrialPlan("known", bench.tokens(documents, "known"), 0, {"tokens": 40_000})])
    return trained


def test_what_was_repeated_is_recited(trial: Trial, pools: dict[str, Path], tmp_path: Path) -> None:
    options = {
        "documents": [str(pools["known"])],
        "unseen": [str(pools["fresh"])],
        "prompt": 12,
        "length": 8,
        "passages": 400,
    }
    kept = cupel.examine(
        "verbatim",
        [f"trial:{trial.folder}"],
        output=tmp_path / "out",
        options=options,
        cache=tmp_path / "cache",
    )
    table = kept.table("documents").to_pylist()
    often = [row for row in table if row["id"].startswith("often")]
    once = [row for row in table if row["id"].startswith("once")]
    assert len(often) == 300
    assert {row["passage_documents"] for row in often} == {100}
    assert {row["passage_documents"] for row in once} == {1}
    assert all(row["recited"] == (row["recited_tokens"] == 8) for row in table)
    assert np.mean([row["recited"] for row in often]) > 0.6
    (model,) = kept.about["models"].values()
    assert model["unseen_recited"] / model["unseen"] < 0.2
    assert kept.report.is_file()
    (repeats,) = [section for section in kept.sections if section.key == "repeats"]
    *_, last = repeats.blocks[0].rows  # type: ignore[union-attr]
    assert last[0] == "64 to 100"
    assert last[1] == 300
    assert "known, seed 0" in kept.about["models"]


def test_a_finding_is_a_signal_of_recipes(trial: Trial, pools: dict[str, Path], tmp_path: Path) -> None:
    options = {"documents": [str(pools["known"])], "prompt": 12, "length": 8, "passages": 400}
    finding = tmp_path / "memorized"
    cupel.examine(
        "verbatim", [f"trial:{trial.folder}"], output=finding, options=options, cache=tmp_path / "cache"
    )
    recited = {row["id"] for row in _table(finding) if row["recited"]}
    steps = [
        {"verbatim": {"finding": str(finding)}},
        {"threshold": {"signal": "recited", "is": False, "missing": "passes"}},
    ]
    recipe = cupel.Recipe.from_dict({"name": "forget", "steps": steps})
    done = cupel.refine(recipe, input=pools["known"], output=tmp_path / "out")
    assert done.manifest["documents"]["dropped"] == len(recited)


def _table(folder: Path) -> list[dict[str, object]]:
    return cupel.KeptFinding.read(folder).table("documents").to_pylist()  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({}, BadOption, "name the pools that the models were trained on"),
        ({"documents": ["nowhere.jsonl"]}, BadInput, "nowhere.jsonl"),
        ({"documents": ["POOL"], "prompt": 100, "length": 100}, BadInput, "has 200 tokens or more"),
        ({"documents": ["POOL"], "promt": 3}, UnknownName, "did you mean 'prompt'"),
    ],
)
def test_errors_say_what_to_do(
    options: dict[str, object],
    error: type[Exception],
    said: str,
    trial: Trial,
    pools: dict[str, Path],
    tmp_path: Path,
) -> None:
    filled = {name: [str(pools["fresh"])] if value == ["POOL"] else value for name, value in options.items()}
    with pytest.raises(error, match=said):
        cupel.examine(
            "verbatim", [str(trial.folder)], output=tmp_path / "out", options=filled, cache=tmp_path / "cache"
        )
    assert not (tmp_path / "out").exists()
