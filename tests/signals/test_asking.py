"""Signals that ask a model: what they ask, and what they make of the answer."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

import cupel
from cupel.errors import BadInput, BadOption
from cupel.models.load import load_model
from cupel.recipe.recipe import Recipe
from cupel.signals.llm_rating import LlmRating, read_score
from cupel.signals.perplexity import Perplexity
from tests.models import tiny
from tests.models.server import Fault, Server, serving


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("torch", reason="needs the extra 'lab'")
    return tiny.save(tmp_path_factory.mktemp("trial"))


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as server:
        yield server


def test_perplexity_is_that_of_the_models_log_probability(trial: Path, tmp_path: Path) -> None:
    texts = ["Café Müller in 東京 serves cake.", "the river " * 40, ""]
    method = Perplexity.from_options({"model": f"trial:{trial}"})
    measured = method.measure(pa.record_batch({"text": pa.array(texts, pa.large_string())}))
    scored = load_model(f"trial:{trial}", "log_probs").log_probs(pa.array(texts))
    for row in (0, 1):
        assert measured["perplexity"][row].as_py() == math.exp(-scored.nats[row] / scored.tokens[row])
        bits = -scored.nats[row] / math.log(2) / len(texts[row].encode())
        assert measured["bits_per_byte"][row].as_py() == pytest.approx(bits)
    assert [measured[column][2].as_py() for column in measured.schema.names] == [None, None]
    # And in a run, whatever the shards.
    (tmp_path / "pool.jsonl").write_text("\n".join(json.dumps({"text": text}) for text in texts[:2] * 20))
    recipe = Recipe.from_dict({"name": "p", "steps": [{"perplexity": {"model": f"trial:{trial}"}}]})
    runs = [
        cupel.refine(
            recipe, input=tmp_path / "pool.jsonl", output=tmp_path / f"out-{size}", target_shard_bytes=size
        )
        for size in (500, 1 << 20)
    ]
    values = [run.corpus().to_arrow()["signals"].to_pylist() for run in runs]
    assert values[0] == values[1]
    assert values[0][0] == {column: measured[column][0].as_py() for column in measured.schema.names}


@pytest.mark.parametrize(
    ("answer", "score"),
    [
        ("It explains osmosis.\n\nScore: 4", 4.0),
        ("**Score:** 3/5", 3.0),
        ("score = 2.5", 2.5),
        ("Score: 1? No. Score: 5.", 5.0),
        ("Educational score: 0", 0.0),
        ("Score: 6", None),
        ("Score: -1", None),
        ("Score: four", None),
        ("4", None),
        ("", None),
        ("スコア 4", None),
    ],
)
def test_scores(answer: str, score: float | None) -> None:
    assert read_score(answer, 0, 5) == score


def test_a_rating_by_a_rubric_of_ones_own(server: Server, tmp_path: Path) -> None:
    (tmp_path / "rubric.txt").write_text("From 1 to 10, how {funny}?")
    server.reply = lambda prompt: "Ha. Score: 9" if "joke" in prompt else "Score: 11"
    method = LlmRating.from_options(
        {
            "model": f"openai:{server.base}#judge",
            "rubric": str(tmp_path / "rubric.txt"),
            "lowest": 1,
            "highest": 10,
            "max_characters": 12,
        }
    )
    texts = pa.array(["a joke {x} of many words", "a solemn text", None], pa.large_string())
    measured = method.measure(pa.record_batch({"text": texts}))
    assert measured["llm_rating"].to_pylist() == [9.0, None, None]
    asked = server.bodies[0]["messages"][-1]["content"]
    assert asked.startswith("From 1 to 10, how {funny}?")
    assert "a joke {x} o\n" in asked
    assert "many words" not in asked


def test_what_the_server_refuses_has_no_rating(server: Server) -> None:
    server.faults = [Fault(400)]
    server.reply = lambda prompt: "Score: 2"
    method = LlmRating.from_options({"model": f"openai:{server.base}#judge"})
    measured = method.measure(pa.record_batch({"text": ["one", "two"]}))
    assert measured["llm_rating"].to_pylist() == [None, 2.0]


def test_bad_options_are_refused(server: Server, tmp_path: Path) -> None:
    model = f"openai:{server.base}#judge"
    with pytest.raises(BadOption, match="expected lowest below highest"):
        LlmRating.from_options({"model": model, "lowest": 5})
    method = LlmRating.from_options({"model": model, "rubric": str(tmp_path / "nowhere.txt")})
    with pytest.raises(BadInput, match=r"rubric .* cannot be read"):
        method.measure(pa.record_batch({"text": ["one"]}))
