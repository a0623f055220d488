"""Signals that ask a model in a run: a pass of their own, answers that survive, budgets, costs."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import cupel
from cupel.errors import BadInput, BadOption, BudgetSpent, UnknownName
from cupel.models.answers import Asker
from cupel.models.budget import Meter
from cupel.models.load import load_model
from cupel.models.model import Request
from cupel.recipe.planner import make_plan
from cupel.recipe.recipe import Recipe
from tests.models.server import Fault, Server, serving


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUPEL_CACHE", str(tmp_path / "cache"))


def rate(prompt: str) -> str:
    """A score from the number of the document in the prompt; every eleventh answer has none."""
    number = int(re.findall(r"number (\d+)", prompt)[-1])
    return "I cannot say." if number % 11 == 0 else f"Well.\n\nScore: {number % 6}"


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as server:
        server.reply = rate
        yield server


@pytest.fixture
def pool(tmp_path: Path) -> Path:
    folder = tmp_path / "pool"
    folder.mkdir()
    for part in range(3):
        rows = [
            json.dumps(
                {"id": f"d{number}", "text": f"A text of number {number}. " + "words " * (5 + number % 7)}
            )
            for number in range(part, 120, 3)
        ]
        (folder / f"part-{part}.jsonl").write_text("\n".join(rows))
    return folder


def recipe(server: Server, *after: Any) -> Recipe:
    steps = [
        {"threshold": {"signal": "word_count", "at_least": 12}},
        {"llm-rating": {"model": f"openai:{server.base}#judge"}},
    ]
    return Recipe.from_dict({"name": "rated", "steps": [*steps, *after]})


def ratings(result: cupel.Result) -> dict[str, float | None]:
    table = result.corpus().to_arrow().select(["id", "signals"]).to_pylist()
    return {row["id"]: row["signals"]["llm_rating"] for row in table}


def expected() -> dict[str, float | None]:
    kept = [number for number in range(120) if number % 7]
    return {f"d{number}": None if number % 11 == 0 else float(number % 6) for number in kept}


def test_cheap_rules_drop_documents_before_a_model_is_asked(server: Server) -> None:
    plan = make_plan(recipe(server, {"threshold": {"signal": "llm_rating", "at_least": 3}}, "pii"))
    assert [line.partition(": ")[2] for line in plan.describe()] == [
        "measure 1 signals → threshold",
        "measure 1 signals → threshold-2",
        "pii",
    ]


def test_what_the_model_says_is_a_column(server: Server, pool: Path, tmp_path: Path) -> None:
    result = cupel.refine(recipe(server), input=pool, output=tmp_path / "out")
    assert ratings(result) == expected()
    asked = result.manifest["asked"]["llm-rating"]
    assert asked["requests"] == len(server.bodies) == len(expected())
    assert asked["refused"] == sum(rating is None for rating in expected().values()) > 0
    assert asked["tokens_in"] == sum(len(body["messages"][-1]["content"].split()) for body in server.bodies)
    (section,) = [section for section in result.page().sections if section.key == "asked"]
    assert section.blocks[0].rows[0][:3] == ("llm-rating", len(expected()), 0)  # type: ignore[union-attr]
    assert server.bodies[0]["model"] == "judge"


def test_nothing_is_asked_twice(server: Server, pool: Path, tmp_path: Path) -> None:
    first = cupel.refine(recipe(server), input=pool, output=tmp_path / "one")
    asked = len(server.bodies)
    second = cupel.refine(
        recipe(server, {"threshold": {"signal": "llm_rating", "at_least": 3}}),
        input=pool,
        output=tmp_path / "two",
    )
    assert len(server.bodies) == asked
    usage = second.manifest["asked"]["llm-rating"]
    assert (usage["cached"], usage["tokens_in"]) == (asked, 0)
    kept = {id: rating for id, rating in ratings(first).items() if rating is not None and rating >= 3}
    assert set(second.corpus().to_arrow()["id"].to_pylist()) == set(kept)


def test_a_budget_stops_the_run_and_the_same_command_resumes(
    server: Server, pool: Path, tmp_path: Path
) -> None:
    whole = cupel.refine(recipe(server), input=pool, output=tmp_path / "whole")
    shutil.rmtree(tmp_path / "cache")
    used = whole.manifest["asked"]["llm-rating"]
    spent = used["tokens_in"] + used["tokens_out"]
    server.bodies.clear()
    asking = cupel.Asking(cupel.Budget(max_tokens=spent // 3 + 4000), in_flight=2)
    with pytest.raises(BudgetSpent, match="the same command resumes"):
        cupel.refine(recipe(server), input=pool, output=tmp_path / "out", asking=asking)
    assert 0 < len(server.bodies) < len(expected())
    result = None
    while result is None:
        before = len(server.bodies)
        with contextlib.suppress(BudgetSpent):
            result = cupel.refine(recipe(server), input=pool, output=tmp_path / "out", asking=asking)
        assert len(server.bodies) > before
    assert len(server.bodies) == len(expected())
    assert result.manifest["content_hash"] == whole.manifest["content_hash"]
    assert ratings(result) == expected()


def test_a_price_is_shown(server: Server, pool: Path, tmp_path: Path) -> None:
    asking = cupel.Asking(cupel.Budget(price_in=2.0, price_out=10.0))
    result = cupel.refine(recipe(server), input=pool, output=tmp_path / "out", asking=asking)
    used = result.manifest["asked"]["llm-rating"]
    assert used["money"] == pytest.approx((2 * used["tokens_in"] + 10 * used["tokens_out"]) / 1e6)
    with pytest.raises(BadOption, match="price"):
        cupel.Budget(max_money=3)


def test_faults_of_the_server_change_nothing(server: Server, pool: Path, tmp_path: Path) -> None:
    whole = cupel.refine(recipe(server), input=pool, output=tmp_path / "whole")
    shutil.rmtree(tmp_path / "cache")
    server.faults = [
        Fault(429, {"Retry-After": "0"}),
        Fault(500),
        Fault(cut=True),
        None,
        Fault(body=b"{half"),
        Fault(503),
    ]
    result = cupel.refine(recipe(server), input=pool, output=tmp_path / "out")
    assert result.manifest["content_hash"] == whole.manifest["content_hash"]


def test_a_refusal_of_the_key_stops_at_once(server: Server, pool: Path, tmp_path: Path) -> None:
    server.faults = [Fault(401)] * 200
    with pytest.raises(BadInput, match="401"):
        cupel.refine(recipe(server), input=pool, output=tmp_path / "out", asking=cupel.Asking(in_flight=1))
    assert len(server.bodies) < 5
    server.faults = []
    assert ratings(cupel.refine(recipe(server), input=pool, output=tmp_path / "out")) == expected()


RUN = """
import signal, sys
import cupel
signal.signal(signal.SIGINT, signal.default_int_handler)  # shells start background jobs of scripts with it ignored
cupel.refine(cupel.Recipe.load(sys.argv[1]), input=sys.argv[2], output=sys.argv[3], asking=cupel.Asking(in_flight=2))
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_killed_while_it_asks_it_resumes(
    server: Server, pool: Path, tmp_path: Path, number: signal.Signals
) -> None:
    """What was answered before the kill is not asked again, and the corpus is the same."""
    whole = cupel.refine(recipe(server), input=pool, output=tmp_path / "whole")
    shutil.rmtree(tmp_path / "cache")
    (tmp_path / "recipe.yaml").write_text(recipe(server).to_yaml())
    command = [sys.executable, "-c", RUN, str(tmp_path / "recipe.yaml"), str(pool), str(tmp_path / "out")]
    server.bodies.clear()
    slowly = server.reply

    def reply(prompt: str) -> str:
        time.sleep(0.01)
        return slowly(prompt)

    server.reply = reply
    process = subprocess.Popen(command, stderr=subprocess.PIPE, env=os.environ.copy())
    while len(server.bodies) < 30 and process.poll() is None:
        time.sleep(0.005)
    process.send_signal(number)
    _, said = process.communicate()
    assert process.returncode != 0, said.decode()
    done = subprocess.run(command, capture_output=True, env=os.environ.copy())
    assert done.returncode == 0, done.stderr.decode()
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_bytes())
    assert manifest["content_hash"] == whole.manifest["content_hash"]
    # Those in flight at the kill are asked again.
    assert len(expected()) <= len(server.bodies) <= len(expected()) + 2


def test_a_model_that_cannot_is_refused_when_the_recipe_is_loaded(tmp_path: Path) -> None:
    def load(method: str, model: str) -> None:
        Recipe.from_dict({"name": "x", "steps": [{method: {"model": model}}]})

    with pytest.raises(BadOption, match=r"llm-rating.*not for generate"):
        load("llm-rating", f"ngram:{tmp_path}")
    with pytest.raises(BadOption, match=r"perplexity.*not for log_probs"):
        load("perplexity", "openai:http://127.0.0.1:9/v1#judge")
    with pytest.raises(UnknownName, match="did you mean 'openai'"):
        load("llm-rating", "openia:http://127.0.0.1:9/v1#judge")
    with pytest.raises(BadOption, match="option 'model'"):
        Recipe.from_dict({"name": "x", "steps": ["llm-rating"]})


def test_one_budget_holds_for_all_models_of_a_run(server: Server) -> None:
    """What one judge has spent another has not."""
    meter = Meter(cupel.Budget(max_tokens=40_000))
    models = [load_model(f"openai:{server.base}#{name}", "generate") for name in ("one", "two")]
    requests = [Request.chat(f"number {number} " + "word " * 200, max_tokens=10) for number in range(400)]
    with Asker(models[0], None, meter) as first, Asker(models[1], None, meter) as second:
        first.ask(requests[:100])
        asked = len(server.bodies)
        with pytest.raises(BudgetSpent):
            second.ask(requests)
    assert asked == 100
    assert 100 < len(server.bodies) < 200
    answers = 3  # words of each
    spent = sum(len(body["messages"][-1]["content"].split()) + answers for body in server.bodies)
    assert spent <= 40_000
