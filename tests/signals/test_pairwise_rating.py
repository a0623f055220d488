"""Ratings from judgments of pairs: what is asked, the bias of position, planted strengths, files of judgments."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import cupel
from cupel.errors import BadInput, BadOption, BudgetSpent
from cupel.signals._judgments import draw_pairs, read_choice
from cupel.signals.pairwise_rating import PairwiseRating
from cupel.verdict.auroc import rank_correlation
from tests.models.server import Server, serving
from tests.signals.test_rating import documents, quality_of, write

CRITERIA = """
name: two
prompt: Rate it.
criteria:
  - {name: quality, question: It is good., comparison: "Which is better?", lowest: 1, highest: 5}
"""


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUPEL_CACHE", str(tmp_path / "cache"))


def both(prompt: str) -> tuple[int, int]:
    """The qualities of the texts in a question."""
    first, second = re.findall(r"Text [AB]:\n\n(.*?)\n\n\(end", prompt, re.DOTALL)
    return quality_of(first.rstrip(".")), quality_of(second.rstrip("."))


def fair(prompt: str) -> str:
    first, second = both(prompt)
    return "A" if first > second else "B" if second > first else "I cannot say."


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as server:
        server.reply = fair
        yield server


def options(server: Server, tmp_path: Path, **more: Any) -> dict[str, Any]:
    (tmp_path / "two.yaml").write_text(CRITERIA)
    return {
        "model": f"openai:{server.base}#judge",
        "rubric": str(tmp_path / "two.yaml"),
        "sample": 150,
        "pairs": 600,
        **more,
    }


def test_a_judge_compares_pairs_in_both_orders(server: Server, tmp_path: Path) -> None:
    pool = write(tmp_path / "pool.jsonl", documents(200))
    made = cupel.fit(
        "pairwise-rating", input=pool, output=tmp_path / "rater", options=options(server, tmp_path)
    )
    asked = [body["messages"][-1]["content"] for body in server.bodies]
    assert len(asked) == len(set(asked)) == 1200
    assert asked[0].startswith("Which is better?")
    about = made.about["about"]
    judged = about["judgments"]["quality"]
    assert judged["chose_first"] == 0.5
    assert judged["turned"] == 0
    assert judged["unusable"] == sum(first == second for first, second in map(both, asked)) > 0
    assert about["criteria"]["quality"]["rank_correlation"] > 0.7
    method = PairwiseRating.from_options({"artifact": str(made.folder)})
    fresh = documents(200, seed=5)
    measured = method.measure(pa.record_batch({"text": [row["text"] for row in fresh]}))
    assert measured.schema.names == ["pairwise_quality"]
    values = np.array(measured["pairwise_quality"].to_pylist())
    assert rank_correlation(values, np.array([row["quality"] for row in fresh], float)) > 0.9
    assert 0.5 < values.std() < 1.3  # in standard deviations of the sample


def test_a_bias_of_position_is_measured_and_taken_out(server: Server, tmp_path: Path) -> None:
    """A judge that says A wherever the texts are close: such pairs are ties, and A is chosen too often."""

    def biased(prompt: str) -> str:
        first, second = both(prompt)
        return "B" if second > first + 2 else "A"

    server.reply = biased
    pool = write(tmp_path / "pool.jsonl", documents(200))
    made = cupel.fit(
        "pairwise-rating", input=pool, output=tmp_path / "rater", options=options(server, tmp_path)
    )
    asked = [both(body["messages"][-1]["content"]) for body in server.bodies]
    judged = made.about["about"]["judgments"]["quality"]
    assert judged["chose_first"] == pytest.approx(np.mean([second <= first + 2 for first, second in asked]))
    assert judged["turned"] == pytest.approx(np.mean([abs(first - second) <= 2 for first, second in asked]))
    assert "chooses the text that stands first" in str(made.page())
    assert made.about["about"]["criteria"]["quality"]["rank_correlation"] > 0.6


def test_a_budget_stops_it_and_no_pair_is_asked_again(server: Server, tmp_path: Path) -> None:
    pool = write(tmp_path / "pool.jsonl", documents(60))
    asking = cupel.Asking(cupel.Budget(max_tokens=10_000), in_flight=2)
    stopped = 0
    while stopped < 50:
        try:
            cupel.fit(
                "pairwise-rating",
                input=pool,
                output=tmp_path / "rater",
                options=options(server, tmp_path, sample=50, pairs=100),
                asking=asking,
            )
            break
        except BudgetSpent:
            stopped += 1
    assert stopped
    asked = [body["messages"][-1]["content"] for body in server.bodies]
    assert len(asked) == len(set(asked)) == 200


def test_ten_thousand_judged_pairs_of_a_file(tmp_path: Path) -> None:
    """Judgments by chance, after Bradley and Terry's model, of planted qualities."""
    rows = documents(400)
    pool = write(tmp_path / "pool.jsonl", rows)
    rng = np.random.default_rng(0)
    judgments = []
    for first, second in zip(*draw_pairs(400, 10_000, rng), strict=True):
        odds = 1 / (1 + np.exp(rows[first]["quality"] - rows[second]["quality"]))
        chosen = "b" if rng.random() < odds else "a"
        judgments.append({"a": rows[first]["id"], "b": rows[second]["id"], "preference": chosen})
    made = cupel.fit(
        "pairwise-rating",
        input=pool,
        output=tmp_path / "rater",
        options={"judgments": str(write(tmp_path / "judgments.jsonl", judgments))},
    )
    method = PairwiseRating.from_options({"artifact": str(made.folder)})
    assert list(method.columns) == ["pairwise_preference"]
    fresh = documents(300, seed=7)
    values = method.measure(pa.record_batch({"text": [row["text"] for row in fresh]}))
    planted = np.array([row["quality"] for row in fresh], float)
    assert rank_correlation(values.column(0).to_numpy(), planted) > 0.9


def test_judges_of_a_file_are_compared_whatever_the_order_of_a_pair(tmp_path: Path) -> None:
    rows = documents(60)
    pool = write(tmp_path / "pool.jsonl", rows)
    judgments = []
    for first, second in zip(*draw_pairs(60, 300, np.random.default_rng(0)), strict=True):
        a, b = rows[first], rows[second]
        share = 1.0 if b["quality"] > a["quality"] else 0.0 if a["quality"] > b["quality"] else 0.5
        judgments.append({"a": a["id"], "b": b["id"], "clear": share, "judge": "ann"})
        judgments.append({"a": b["id"], "b": a["id"], "clear": 1 - share, "judge": "東"})
    path = write(tmp_path / "judgments.jsonl", judgments)
    made = cupel.fit(
        "pairwise-rating", input=pool, output=tmp_path / "rater", options={"judgments": str(path)}
    )
    assert made.about["about"]["judgments"]["clear"]["krippendorff_alpha"] == 1.0


@pytest.mark.parametrize(("count", "pairs"), [(2, 5), (3, 2), (5, 10), (50, 200), (50, 5000)])
def test_pairs_are_different_and_fair(count: int, pairs: int) -> None:
    first, second = draw_pairs(count, pairs, np.random.default_rng(1))
    assert len(first) == min(pairs, count * (count - 1) // 2)
    assert (first != second).all()
    assert len({frozenset(pair) for pair in zip(first.tolist(), second.tolist(), strict=True)}) == len(first)
    met = np.bincount(np.concatenate([first, second]), minlength=count)
    assert met.max() - met.min() <= 4


@pytest.mark.parametrize(
    ("answer", "choice"),
    [("A", 0), (" b", None), ("B.", 1), ("**B**", 1), ("Text A is better than text B", None), ("東京", None)],
)
def test_choices(answer: str, choice: int | None) -> None:
    assert read_choice(answer) == choice


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{"a": "d0-0", "preference": "a"}], "expected 'a' and 'b'"),
        ([{"a": "d0-0", "b": "d0-1"}], "expected 'a' and 'b'"),
        ([{"a": "d0-0", "b": "nobody", "preference": "a"}], "row 1 compares 'nobody', which is no document"),
        ([{"a": "d0-0", "b": "d0-0", "preference": "a"}], "with itself"),
        (
            [{"a": "d0-0", "b": "d0-1", "preference": "left"}],
            "row 1: preference is 'left'; expected a, b or tie",
        ),
        ([{"a": "d0-0", "b": "d0-1", "preference": 2}], "row 1: preference is '2'"),
        ([{"a": "d0-0", "b": "d0-1", "preference": "tie"}], "expected 20 or more"),
    ],
)
def test_bad_judgments_are_refused(rows: list[dict[str, Any]], message: str, tmp_path: Path) -> None:
    pool = write(tmp_path / "pool.jsonl", documents(40))
    path = tmp_path / "judgments.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    with pytest.raises(BadInput, match=message):
        cupel.fit("pairwise-rating", input=pool, output=tmp_path / "r", options={"judgments": str(path)})


def test_bad_options_are_refused(server: Server, tmp_path: Path) -> None:
    with pytest.raises(BadOption, match="name either a 'model'"):
        PairwiseRating.from_options({})
    with pytest.raises(BadOption, match="not both"):
        PairwiseRating.from_options({"model": f"openai:{server.base}#j", "judgments": "x.csv"})
    server.reply = lambda prompt: "neither"
    pool = write(tmp_path / "pool.jsonl", documents(30))
    with pytest.raises(BadInput, match="none of 40 answers on 'quality' names A or B"):
        cupel.fit(
            "pairwise-rating",
            input=pool,
            output=tmp_path / "r",
            options=options(server, tmp_path, sample=30, pairs=20),
        )
