"""The rater: whose ratings it learns, what a judge is asked, budgets, and what it says of itself."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from typer.testing import CliRunner

import cupel
from cupel.cli._app import app
from cupel.errors import BadInput, BadOption, BudgetSpent, UnknownName
from cupel.recipe.planner import make_plan
from cupel.recipe.recipe import Recipe
from cupel.signals._rubrics import load_rubric
from cupel.signals.rating import Rater
from tests.models.server import Fault, Server, serving

GOOD = ["osmosis", "membrane", "theorem", "proof", "lemma", "glucose", "細胞", "enzyme"]
BAD = ["click", "cheap", "subscribe", "cookie", "login", "offer", "購入", "deal"]
COMMON = ["the", "and", "of", "in", "to", "a", "is", "that", "for", "with", "as", "on", "by", "it", "was"]


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUPEL_CACHE", str(tmp_path / "cache"))


def documents(count: int, seed: int = 0, length: int = 30) -> list[dict[str, Any]]:
    """Texts of which `quality` says how many of their eight colored words are good ones."""
    rng = np.random.default_rng(seed)
    rows = []
    for number in range(count):
        quality = int(rng.integers(0, 9))
        colored = [*rng.choice(GOOD, quality), *rng.choice(BAD, 8 - quality)]
        text = " ".join(rng.permutation([*colored, *rng.choice(COMMON, length)]))
        rows.append({"id": f"d{seed}-{number}", "text": f"{text}.", "quality": quality})
    return rows


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("\n".join(map(json.dumps, rows)) + "\n")
    return path


def quality_of(text: str) -> int:
    return sum(text.split().count(word) for word in GOOD)


def judge(prompt: str) -> str:
    """Ratings of the fourteen criteria and a domain, from the words of the text; now and then a line is missing."""
    text = prompt.split("The text:\n\n")[1].split("\n\nAnswer")[0]
    quality = quality_of(text.rstrip("."))
    score = 1 + quality // 2
    lines = [f"{name}: {score}/5" for name in ("accuracy", "coherence", "overall_score")]
    if quality % 4:
        lines.append(f"**Topic Focus**: {6 - score}")
    return "\n".join([*lines, f"Domain: {'Education' if quality > 4 else 'Retail E-commerce'}"])


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as server:
        server.reply = judge
        yield server


def rubric(path: Path) -> Path:
    path.write_text(
        """
name: small
prompt: Rate it.
criteria:
  - {name: accuracy, question: "Right?", lowest: 1, highest: 5}
  - {name: topic_focus, question: "To the point?", lowest: 1, highest: 5}
  - {name: domain, question: "Where from?", labels: [Education, Retail E-commerce, Other]}
""",
        "utf-8",
    )
    return path


def test_it_learns_the_ratings_of_a_file(tmp_path: Path) -> None:
    ratings = write(tmp_path / "ratings.jsonl", documents(800))
    made = cupel.fit("rater", output=tmp_path / "rater", options={"ratings": str(ratings)})
    about = made.about["about"]["criteria"]["quality"]
    assert 120 < about["held_out"] < 200
    assert about["learned"] + about["held_out"] == 800
    low, high = about["interval"]
    assert 0.9 < low < about["rank_correlation"] < high
    assert about["kappa"] > 0.8
    method = Rater.from_options({"artifact": str(made.folder)})
    fresh = documents(200, seed=1)
    texts = [*(row["text"] for row in fresh), "", None, " \n"]
    measured = method.measure(pa.record_batch({"text": pa.array(texts, pa.large_string())}))
    assert measured.schema.names == ["rating_quality"]
    values = measured["rating_quality"].to_pylist()
    assert values[-3:] == [None, None, None]
    assert np.corrcoef(values[:-3], [row["quality"] for row in fresh])[0, 1] > 0.95
    assert 0 <= min(values[:-3]) <= max(values[:-3]) <= 8


def test_a_rating_does_not_depend_on_its_neighbors(tmp_path: Path) -> None:
    ratings = write(tmp_path / "ratings.jsonl", documents(300))
    made = cupel.fit("rater", output=tmp_path / "rater", options={"ratings": str(ratings)})
    measure = Rater.from_options({"artifact": str(made.folder)}).measure
    hostile = ["a" * 1_000_000, "word " * 40_000, "\x00\x07", "😀 😀", "مرحبا بالعالم", "osmosis", None, ""]
    texts = hostile + [row["text"] for row in documents(600, seed=2)]
    together = measure(pa.record_batch({"text": pa.array(texts, pa.large_string())}))
    alone = [measure(pa.record_batch({"text": pa.array([text], pa.large_string())})) for text in texts]
    assert together.column(0).to_pylist() == [each.column(0)[0].as_py() for each in alone]
    assert measure(pa.record_batch({"text": pa.array([], pa.large_string())})).num_rows == 0


def test_the_same_ratings_in_any_order_give_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = documents(200)
    contents = []
    for name, ordered in (("a", rows), ("b", rows[::-1])):
        monkeypatch.setenv("CUPEL_CACHE", str(tmp_path / f"cache-{name}"))
        ratings = write(tmp_path / f"{name}.jsonl", ordered)
        for row in ordered:
            row.pop("id", None)
        write(ratings, ordered)
        made = cupel.fit(
            "rater",
            output=tmp_path / name,
            options={"ratings": str(ratings)},
            engine=cupel.Engine(cores=1 + (name == "b")),
        )
        contents.append([(made.folder / file).read_bytes() for file in ("weights.npy", "rater.json")])
    assert contents[0] == contents[1]


def test_a_judge_rates_a_sample_by_several_criteria_at_once(server: Server, tmp_path: Path) -> None:
    pool = write(tmp_path / "pool.jsonl", documents(600))
    options = {
        "model": f"openai:{server.base}#judge",
        "rubric": str(rubric(tmp_path / "rubric.yaml")),
        "sample": 400,
    }
    made = cupel.fit("rater", input=pool, output=tmp_path / "rater", options=options)
    assert len(server.bodies) == 400
    assert made.usage.requests == 400
    criteria = made.about["about"]["criteria"]
    assert criteria["accuracy"]["learned"] + criteria["accuracy"]["held_out"] == 400
    # The answers that lack a criterion do not count for it.
    assert criteria["topic_focus"]["learned"] + criteria["topic_focus"]["held_out"] < 400
    assert criteria["accuracy"]["rank_correlation"] > 0.85
    assert criteria["domain"]["accuracy"] > 0.85
    assert made.about["about"]["rank_correlations"]["accuracy topic_focus"] < -0.8
    method = Rater.from_options({"artifact": str(made.folder)})
    measured = method.measure(pa.record_batch({"text": [" ".join(GOOD), " ".join(BAD)]}))
    assert list(method.columns) == ["rating_accuracy", "rating_topic_focus", "rating_domain"]
    assert measured["rating_domain"].to_pylist() == ["Education", "Retail E-commerce"]
    assert measured["rating_accuracy"][0].as_py() > measured["rating_accuracy"][1].as_py()
    assert measured["rating_topic_focus"][0].as_py() < measured["rating_topic_focus"][1].as_py()


def test_a_budget_stops_the_fit_at_the_limit_and_no_request_is_repeated(
    server: Server, tmp_path: Path
) -> None:
    """The budget is of tokens as the server counts them; each call may spend it again."""
    pool = write(tmp_path / "pool.jsonl", documents(120))
    options = {"model": f"openai:{server.base}#judge", "rubric": "dataman", "sample": 100}
    dataman = load_rubric("dataman")
    spent = 0

    def reply(prompt: str) -> str:
        nonlocal spent
        answer = judge(prompt)
        answer += "\n" + "\n".join(f"{each.name}: 3" for each in dataman.points if each.name not in answer)
        spent += len(prompt.split()) + len(answer.split())
        return answer

    server.reply = reply
    limit = 20_000
    asking = cupel.Asking(cupel.Budget(max_tokens=limit), in_flight=3)

    def fit() -> cupel.FittedArtifact:
        return cupel.fit("rater", input=pool, output=tmp_path / "rater", options=options, asking=asking)

    with pytest.raises(BudgetSpent, match="the same command resumes"):
        fit()
    assert not (tmp_path / "rater").exists()
    calls = [(len(server.bodies), spent)]
    made = None
    while made is None:
        spent = 0
        with contextlib.suppress(BudgetSpent):
            made = fit()
        calls.append((len(server.bodies), spent))
        assert calls[-1][0] > calls[-2][0]  # each call gets further
    assert len(calls) > 2
    assert max(tokens for _, tokens in calls) <= limit
    asked = [body["messages"][-1]["content"] for body in server.bodies]
    assert len(asked) == len(set(asked)) == 100
    assert made.usage.requests == 100
    assert made.usage.cached > 0
    # One criterion that the judge rates all alike does not spoil the others.
    assert "'originality': all ratings that were learned from are equal" in str(made.page())
    # And the whole of it again is taken from the cache.
    cupel.fit("rater", input=pool, output=tmp_path / "again", options=options)
    assert len(server.bodies) == 100


def test_criteria_that_are_all_equal_are_refused_by_name(server: Server, tmp_path: Path) -> None:
    server.reply = lambda prompt: "Score: 3"
    pool = write(tmp_path / "pool.jsonl", documents(60))
    with pytest.raises(BadInput, match=r"criterion 'educational_value': all \d+ ratings are equal"):
        cupel.fit(
            "rater",
            input=pool,
            output=tmp_path / "rater",
            options={"model": f"openai:{server.base}#judge"},
        )


def test_a_run_fits_it_and_uses_its_columns(server: Server, tmp_path: Path) -> None:
    pool = write(tmp_path / "pool.jsonl", documents(300))
    rater = {
        "model": f"openai:{server.base}#judge",
        "rubric": str(rubric(tmp_path / "rubric.yaml")),
        "sample": 150,
    }
    steps = [
        {"threshold": {"signal": "word_count", "at_least": 10}},
        {"rater": rater},
        {"threshold": {"signal": "rating_accuracy", "at_least": 3}},
    ]
    recipe = Recipe.from_dict({"name": "rated", "steps": steps})
    assert [line.partition(": ")[2] for line in make_plan(recipe).describe()] == [
        "measure 1 signals → threshold",
        "fit rater → measure 3 signals → threshold-2",
    ]
    result = cupel.refine(recipe, input=pool, output=tmp_path / "out")
    kept = result.corpus().to_arrow().select(["text", "signals"]).to_pylist()
    assert 60 < len(kept) < 240
    assert all(row["signals"]["rating_accuracy"] >= 3 for row in kept)
    assert {row["signals"]["rating_domain"] for row in kept} <= {"Education", "Retail E-commerce"}
    assert np.mean([quality_of(row["text"]) for row in kept]) > 5
    assert len(server.bodies) == 150
    assert result.manifest["artifacts"]["rater"]["about"]["documents"] == 150


def test_a_budget_of_the_run_holds_for_what_it_fits(server: Server, tmp_path: Path) -> None:
    pool = write(tmp_path / "pool.jsonl", documents(100))
    rater = {"model": f"openai:{server.base}#judge", "rubric": str(rubric(tmp_path / "r.yaml")), "sample": 80}
    recipe = Recipe.from_dict({"name": "rated", "steps": [{"rater": rater}]})
    asking = cupel.Asking(cupel.Budget(max_tokens=4000), in_flight=2)
    for _ in range(50):
        try:
            cupel.refine(recipe, input=pool, output=tmp_path / "out", asking=asking)
            break
        except BudgetSpent:
            assert len(server.bodies) < 80
    assert len(server.bodies) == 80


def test_llm_rating_gives_a_column_per_criterion(server: Server, tmp_path: Path) -> None:
    server.faults = [Fault(400)]
    pool = write(tmp_path / "pool.jsonl", documents(20))
    rating = {"model": f"openai:{server.base}#judge", "rubric": str(rubric(tmp_path / "rubric.yaml"))}
    steps = [
        {"llm-rating": rating},
        {"threshold": {"signal": "llm_rating_accuracy", "at_least": 3}},
    ]
    result = cupel.refine(
        Recipe.from_dict({"name": "rated", "steps": steps}),
        input=pool,
        output=tmp_path / "out",
        asking=cupel.Asking(in_flight=1),
    )
    assert len(server.bodies) == 20
    rows = result.corpus().to_arrow().to_pylist()
    assert set(rows[0]["signals"]) == {"llm_rating_accuracy", "llm_rating_topic_focus", "llm_rating_domain"}
    for row in rows:
        quality = quality_of(row["text"].rstrip("."))
        expected = 1 + quality // 2
        assert row["signals"]["llm_rating_accuracy"] == expected >= 3
        assert row["signals"]["llm_rating_topic_focus"] == (6 - expected if quality % 4 else None)
    assert result.manifest["asked"]["llm-rating"]["refused"] == 1
    assert "accuracy (1 to 5): Right?" in server.bodies[0]["messages"][-1]["content"]


def test_judges_of_a_file_are_compared(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rows = []
    for row in documents(200):
        for name in ("ann", "bob", "东"):
            rated = row["quality"] + (int(rng.integers(-1, 2)) if name != "东" else 0)
            rows.append({"text": row["text"], "judge": name, "quality": rated})
    ratings = write(tmp_path / "ratings.jsonl", rows)
    made = cupel.fit("rater", output=tmp_path / "rater", options={"ratings": str(ratings)})
    agreement = made.about["about"]["agreement"]["quality"]
    assert agreement["documents"] == 200
    assert 0.85 < agreement["krippendorff_alpha"] < 0.98
    assert 0.85 < agreement["mean_kappa"] < 0.98
    assert made.about["about"]["documents"] == 200  # the mean of three is learned


def test_a_judge_is_compared_with_people(server: Server, tmp_path: Path) -> None:
    pool = write(tmp_path / "pool.jsonl", documents(200))
    people = [
        {"id": row["id"], "accuracy": 1 + row["quality"] // 2, "unknown": 1} for row in documents(200)[:40]
    ]
    options = {
        "model": f"openai:{server.base}#judge",
        "rubric": str(rubric(tmp_path / "rubric.yaml")),
        "sample": 120,
        "people": str(write(tmp_path / "people.jsonl", people)),
    }
    made = cupel.fit("rater", input=pool, output=tmp_path / "rater", options=options)
    agreement = made.about["about"]["agreement"]
    assert agreement == {
        "accuracy": {
            "documents": 40,
            "krippendorff_alpha": 1.0,
            "mean_kappa": 1.0,
            "mean_rank_correlation": 1.0,
        }
    }
    # Nothing is asked twice, and what people rated is not learned from.
    asked = [body["messages"][-1]["content"] for body in server.bodies]
    assert len(asked) == len(set(asked))
    assert made.about["about"]["documents"] == len(asked) - 40
    assert "Agreement with people" in str(made.page())


def test_a_rater_that_measures_length_says_so(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rows = []
    for number in range(400):
        words = int(rng.integers(5, 200))
        text = " ".join(rng.choice(COMMON + [f"w{word}" for word in range(200)], words))
        rows.append({"text": f"{text} {number}", "size": words // 20})
    made = cupel.fit(
        "rater", output=tmp_path / "rater", options={"ratings": str(write(tmp_path / "r.jsonl", rows))}
    )
    page = str(made.page())
    assert "'size' goes with length" in page
    assert "length alone orders the documents" in page


def test_chance_and_twins_are_called_so(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rows = [
        {"text": row["text"], "noise": int(rng.integers(1, 6)), "a": row["quality"], "b": 2 * row["quality"]}
        for row in documents(300)
    ]
    made = cupel.fit(
        "rater", output=tmp_path / "rater", options={"ratings": str(write(tmp_path / "r.jsonl", rows))}
    )
    page = str(made.page())
    assert "'noise' may be ordered by chance" in page
    assert "'a' and 'b' order documents alike" in page
    assert "'a' may be ordered" not in page


@pytest.mark.parametrize("suffix", ["csv", "tsv", "parquet", "csv.gz"])
def test_ratings_come_in_several_formats(tmp_path: Path, suffix: str) -> None:
    import pyarrow.csv as csv
    import pyarrow.parquet as parquet

    rows = documents(60)
    table = pa.table(
        {
            "id": [row["id"] for row in rows],
            "Quality (0-8)": [row["quality"] for row in rows],
            "note": ["x"] * 60,
        }
    )
    path = tmp_path / f"ratings.{suffix}"
    if suffix == "parquet":
        parquet.write_table(table, path)
    else:
        with pa.output_stream(path, compression="detect") as stream:
            csv.write_csv(table, stream, csv.WriteOptions(delimiter="\t" if suffix == "tsv" else ","))
    pool = write(tmp_path / "pool.jsonl", rows)
    made = cupel.fit("rater", input=pool, output=tmp_path / "rater", options={"ratings": str(path)})
    assert list(made.about["about"]["criteria"]) == ["quality_0_8"]
    assert list(Rater.from_options({"artifact": str(made.folder)}).columns) == ["rating_quality_0_8"]


def test_labels_can_be_learned(tmp_path: Path) -> None:
    rows = [{**row, "kind": "good" if row["quality"] > 4 else "東京"} for row in documents(300)]
    ratings = write(tmp_path / "ratings.jsonl", rows)
    made = cupel.fit(
        "rater", output=tmp_path / "rater", options={"ratings": str(ratings), "criteria": ["kind"]}
    )
    assert made.about["about"]["criteria"]["kind"]["accuracy"] > 0.9
    method = Rater.from_options({"artifact": str(made.folder)})
    assert method.columns["rating_kind"].unit == "label"
    measured = method.measure(pa.record_batch({"text": [" ".join(GOOD), " ".join(BAD), ""]}))
    assert measured["rating_kind"].to_pylist() == ["good", "東京", None]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({}, BadOption, "name either 'ratings'"),
        ({"ratings": "r.csv", "model": "openai:http://127.0.0.1:9/v1#x"}, BadOption, "not both"),
        ({"ratings": "r.csv", "people": "p.csv"}, BadOption, "compared with the ratings of a 'model'"),
        ({"ratings": "r.csv", "features": "fast"}, BadOption, "needs an 'embedder'"),
        ({"ratings": "r.csv", "embedder": "x"}, BadOption, "looks at no 'embedder'"),
        ({"model": "openia:http://127.0.0.1:9/v1#x"}, UnknownName, "did you mean 'openai'"),
        (
            {"model": "openai:http://127.0.0.1:9/v1#x", "rubric": "datamen"},
            UnknownName,
            "did you mean 'dataman'",
        ),
        ({"ratings": "nowhere.csv"}, BadInput, r"nowhere\.csv cannot be read"),
        ({"ratings": "nowhere.xlsx"}, BadInput, r"expected \.csv"),
        ({"artifact": "nowhere"}, BadInput, "is not there"),
    ],
)
def test_bad_options_are_refused(
    options: dict[str, Any],
    error: type[Exception],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=message):
        _ = Rater.from_options(options).columns


@pytest.mark.parametrize(
    ("rows", "options", "message"),
    [
        ([{"words": "a", "quality": 1}], {}, "expected 'text' or 'id'"),
        ([{"text": "a", "note": "x"}], {}, "no column holds numbers"),
        ([{"text": "a", "q q": 1, "q-q": 2}], {}, "are all called 'q_q'"),
        ([{"text": f"text {n}", "q": n} for n in range(10)], {}, "expected 20 or more"),
        ([{"text": "", "q": 1}], {}, "none of its 1 rated documents"),
        ([{"text": "a", "kind": "x"}], {"criteria": ["kind"]}, "has 1 different labels"),
    ],
)
def test_bad_files_are_refused(
    rows: list[dict[str, Any]], options: dict[str, Any], message: str, tmp_path: Path
) -> None:
    ratings = write(tmp_path / "ratings.jsonl", rows)
    with pytest.raises(BadInput, match=message):
        cupel.fit("rater", output=tmp_path / "rater", options={"ratings": str(ratings), **options})
    assert not (tmp_path / "rater").exists()


def test_a_criterion_that_is_not_there_is_named(tmp_path: Path) -> None:
    ratings = write(tmp_path / "ratings.jsonl", documents(30))
    with pytest.raises(UnknownName, match="did you mean 'quality'"):
        cupel.fit(
            "rater", output=tmp_path / "rater", options={"ratings": str(ratings), "criteria": ["qualty"]}
        )


def test_the_command_line_asks_within_a_budget(server: Server, tmp_path: Path) -> None:
    pool = write(tmp_path / "pool.jsonl", documents(60))
    words = ["fit", "rater", str(pool), "-o", str(tmp_path / "rater"), "--sample", "50"]
    words += ["--model", f"openai:{server.base}#judge", "--rubric", str(rubric(tmp_path / "rubric.yaml"))]
    stopped = CliRunner().invoke(app, [*words, "--budget-tokens", "3k", "--in-flight", "1"])
    assert isinstance(stopped.exception, BudgetSpent)
    assert 0 < len(server.bodies) < 50
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    assert len(server.bodies) == 50
    assert re.search(r"requests +50, of these \d+ from the cache", done.output)
