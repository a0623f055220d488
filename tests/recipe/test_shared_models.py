"""Signals of one model stand in one pass and run it once; others keep passes of their own."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import cupel
from cupel.models.causal import CausalModel
from cupel.models.load import load_model
from cupel.recipe.planner import make_plan
from cupel.recipe.recipe import Recipe
from tests.conftest import prose
from tests.models import tiny

pytest.importorskip("torch", reason="needs the extra 'lab'")


@pytest.fixture(scope="module")
def trials(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    folder = tmp_path_factory.mktemp("trials")
    return tuple(f"trial:{tiny.save(folder / str(seed), seed)}" for seed in (0, 1))  # type: ignore[return-value]


def recipe(*steps: Any) -> Recipe:
    return Recipe.from_dict({"name": "shared", "steps": list(steps)})


def groups(*steps: Any) -> list[list[str]]:
    """The families that ask a model, pass by pass."""
    return [
        [method.name for method in pass_.asking] for pass_ in make_plan(recipe(*steps)).passes if pass_.asking
    ]


def signals(first: str, second: str) -> tuple[dict[str, Any], ...]:
    return (
        {"perplexity": {"model": first}},
        {"token-statistics": {"model": first}},
        {"likelihood-ratio": {"model": first, "base": second}},
    )


def test_signals_of_one_model_share_a_pass(trials: tuple[str, str]) -> None:
    first, second = trials
    assert groups(*signals(first, second)) == [["perplexity", "token-statistics", "likelihood-ratio"]]
    assert groups({"perplexity": {"model": first}}, {"token-statistics": {"model": second}}) == [
        ["perplexity"],
        ["token-statistics"],
    ]


def test_a_rule_between_drops_before_another_model_is_run(trials: tuple[str, str]) -> None:
    first, second = trials
    perplexity, statistics, ratio = signals(first, second)
    rule = {"threshold": {"signal": "perplexity", "at_most": 1000}}
    assert groups(perplexity, rule, statistics) == [["perplexity", "token-statistics"]]
    assert groups(perplexity, rule, ratio) == [["perplexity"], ["likelihood-ratio"]]


def count_tokens(names: Sequence[str], pool: Path, output: Path, *steps: Any) -> list[int]:
    """Tokens that each model ran over in a run of these steps."""
    models = [load_model(name, "log_probs") for name in names]
    for model in models:
        assert isinstance(model, CausalModel)
        model.detailed, model.tokens_run = False, 0
    cupel.refine(recipe(*steps), input=pool, output=output, report=False)
    return [model.tokens_run for model in models if isinstance(model, CausalModel)]


def test_three_signals_run_their_model_once(trials: tuple[str, str], tmp_path: Path) -> None:
    rng = random.Random(5)
    pool = tmp_path / "pool"
    pool.mkdir()
    for part in range(3):  # several tasks, on several threads
        rows = [
            json.dumps({"id": f"{part}-{row}", "text": prose(rng, rng.randint(5, 60))}) for row in range(40)
        ]
        (pool / f"part-{part}.jsonl").write_text("\n".join(rows))
    first, second = trials
    single = count_tokens(trials, pool, tmp_path / "single", {"perplexity": {"model": first}})
    assert single[0] > 1000
    assert single[1] == 0
    assert count_tokens(trials, pool, tmp_path / "all", *signals(first, second)) == [single[0], single[0]]
    values = [
        cupel.Corpus.read(tmp_path / name).to_arrow()["signals"].to_pylist() for name in ("single", "all")
    ]
    columns = ("perplexity", "bits_per_byte")
    assert [[row[name] for name in columns] for row in values[0]] == [
        [row[name] for name in columns] for row in values[1]
    ]
