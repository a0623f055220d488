"""The quality classifier: what it is trained on, what it says of itself, and what a run does with it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import cupel
from cupel.contract import read_about
from cupel.errors import BadInput, BadOption
from cupel.findings import Alarm, Samples, Table
from cupel.models.fasttext import FastText
from cupel.recipe.planner import make_plan
from cupel.recipe.recipe import Recipe
from cupel.signals._assessment import assess
from cupel.signals.quality_classifier import FILE, QualityClassifier

SMALL = {"dim": 8, "epochs": 8, "learning_rate": 0.5, "buckets": 1000}
GOOD = ("the cell membrane lets water pass because", "of osmosis and energy is stored as glucose 細胞")
BAD = ("buy cheap click here offer subscribe now", "deal cookie login price menu 購入")
COMMON = ("and of in to a is that for with", "as on by it was")


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUPEL_CACHE", str(tmp_path / "cache"))


def words(lines: tuple[str, ...]) -> list[str]:
    return " ".join(lines).split()


def write(path: Path, lines: tuple[str, ...], count: int, seed: int, length: int = 30) -> Path:
    rng = np.random.default_rng(seed)
    rows = []
    for number in range(count):
        text = " ".join(rng.permutation([*rng.choice(words(lines), 4), *rng.choice(words(COMMON), length)]))
        rows.append(json.dumps({"id": f"{path.stem}-{number}", "text": text}))
    path.write_text("\n".join(rows))
    return path


@pytest.fixture
def good(tmp_path: Path) -> Path:
    return write(tmp_path / "good.jsonl", GOOD, 300, seed=1)


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    return write(tmp_path / "bad.jsonl", BAD, 300, seed=2)


def options(good: Path, bad: Path | None = None, **more: object) -> dict[str, object]:
    return {**SMALL, "positives": [str(good)], **({"negatives": [str(bad)]} if bad else {}), **more}


def test_it_tells_good_from_bad(good: Path, bad: Path, tmp_path: Path) -> None:
    made = cupel.fit("quality-classifier", output=tmp_path / "model", options=options(good, bad))
    about = made.about["about"]
    assert (about["positives"], about["negatives"]) == (300, 300)
    assert 30 <= about["held_out"] <= 90
    low, high = about["auroc_interval"]
    assert 0.9 < low <= about["auroc"] <= high
    method = QualityClassifier.from_options({"artifact": str(made.folder)})
    texts = pa.array(["osmosis lets water pass", "click here now", "", None], pa.large_string())
    quality = method.measure(pa.record_batch({"text": texts}))["quality"].to_pylist()
    assert quality[0] > 0.8
    assert quality[1] < 0.2
    assert quality[3] is None
    # The file is fastText's: what it holds is what the method says.
    model = FastText.load(made.folder / FILE)
    assert sorted(model.labels) == ["negative", "positive"]
    assert model.classify(texts)[0, model.labels.index("positive")] == pytest.approx(quality[0])


def test_the_same_documents_give_the_same_bytes(
    good: Path, bad: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = cupel.fit("quality-classifier", output=tmp_path / "one", options=options(good, bad))
    monkeypatch.setenv("CUPEL_CACHE", str(tmp_path / "another"))
    second = cupel.fit(
        "quality-classifier",
        output=tmp_path / "two",
        options=options(good, bad),
        engine=cupel.Engine(cores=1),
    )
    assert first.about == second.about
    assert (first.folder / FILE).read_bytes() == (second.folder / FILE).read_bytes()
    third = cupel.fit("quality-classifier", output=tmp_path / "three", options=options(good, bad, seed=1))
    assert (third.folder / FILE).read_bytes() != (first.folder / FILE).read_bytes()


def test_negatives_are_a_sample_of_the_pool(good: Path, bad: Path, tmp_path: Path) -> None:
    """In a run, where none are named: as many as there are positives, and none of these."""
    pool = tmp_path / "pool"
    pool.mkdir()
    write(pool / "crawl.jsonl", BAD, 500, seed=3)
    (pool / "good.jsonl").write_text(good.read_text())
    steps = [
        {"quality-classifier": options(good)},
        {"sample": {"by": "quality", "temperature": 0, "budget": "300-documents"}},
    ]
    recipe = Recipe.from_dict({"name": "chosen", "steps": steps})
    assert [line.partition(": ")[2] for line in make_plan(recipe).describe()] == [
        "write",
        "fit quality-classifier → measure 1 signals → sample",
        "write",
    ]
    result = cupel.refine(recipe, input=pool, output=tmp_path / "out")
    kept = result.corpus().to_arrow()["id"].to_pylist()
    assert sum(id.startswith("good-") for id in kept) > 285
    about = result.manifest["artifacts"]["quality-classifier"]["about"]
    assert about["positives"] == 300
    assert 100 < about["negatives"] < 300  # of the 300 that were drawn, the good ones are left out


def test_counts_draw_by_ids(good: Path, bad: Path, tmp_path: Path) -> None:
    drawn = options(good, bad, positives=[f"{good}:120"], negatives=[f"{bad}:80"])
    about = cupel.fit("quality-classifier", output=tmp_path / "model", options=drawn).about
    assert (about["about"]["positives"], about["about"]["negatives"]) == (120, 80)
    # The content of the pools decides, and not only their names.
    assert set(about["inputs"]) == {str(good), str(bad)}


def test_a_score_that_goes_with_length_says_so(tmp_path: Path) -> None:
    """Good documents are those with many good words, and the longer the more."""
    rng = np.random.default_rng(0)
    rows: dict[str, list[str]] = {"good": [], "bad": []}
    for number in range(400):
        size = int(rng.integers(5, 120))
        kind = "good" if number % 2 else "bad"
        drawn = [*rng.choice(words(COMMON), 60 if kind == "good" else 20), *rng.choice(words(GOOD), size)]
        rows[kind].append(json.dumps({"id": f"{kind}-{number}", "text": " ".join(rng.permutation(drawn))}))
    for kind, lines in rows.items():
        (tmp_path / f"{kind}.jsonl").write_text("\n".join(lines))
    made = cupel.fit(
        "quality-classifier",
        output=tmp_path / "model",
        options=options(tmp_path / "good.jsonl", tmp_path / "bad.jsonl", held_out=0.4),
    )
    correlations = made.about["about"]["rank_correlation_with_length"]
    assert abs(correlations["negative"]) > 0.5
    assert "goes with length" in str(made.page())


def test_chance_is_called_so(tmp_path: Path) -> None:
    positives = write(tmp_path / "one.jsonl", COMMON, 200, seed=5)
    negatives = write(tmp_path / "other.jsonl", COMMON, 200, seed=6)
    made = cupel.fit(
        "quality-classifier", output=tmp_path / "model", options=options(positives, negatives, held_out=0.3)
    )
    low, high = made.about["about"]["auroc_interval"]
    assert low < 0.5 < high
    assert "may be that of chance" in str(made.page())


def test_too_little_is_refused(good: Path, tmp_path: Path) -> None:
    few = write(tmp_path / "few.jsonl", BAD, 19, seed=2)
    with pytest.raises(BadInput, match="there are 19 negatives"):
        cupel.fit("quality-classifier", output=tmp_path / "model", options=options(good, few))
    with pytest.raises(BadInput, match="there are 0 negatives that are not of the other class"):
        cupel.fit("quality-classifier", output=tmp_path / "model", options=options(good, good))
    with pytest.raises(BadOption, match="name 'positives' to learn from"):
        QualityClassifier.from_options({})
    with pytest.raises(BadInput, match="nowhere"):
        cupel.fit(
            "quality-classifier", output=tmp_path / "model", options=options(tmp_path / "nowhere", good)
        )
    assert not (tmp_path / "model").exists()


def test_an_artifact_of_another_method_is_refused(good: Path, tmp_path: Path) -> None:
    made = cupel.fit("ngram-perplexity", input=[str(good)], output=tmp_path / "ngrams")
    assert read_about(made.folder)["learner"] == "ngrams"
    with pytest.raises(
        BadInput, match="holds what 'ngrams' learned; expected an artifact of quality-classifier"
    ):
        make_plan(
            Recipe.from_dict({"name": "x", "steps": [{"quality-classifier": {"artifact": str(made.folder)}}]})
        )
    # Soft deduplication learns the same as perplexity.
    make_plan(
        Recipe.from_dict({"name": "x", "steps": [{"softdedup": {"artifact": str(made.folder), "order": 5}}]})
    )


def test_a_pooled_transformer_learns_from_the_same_documents(good: Path, bad: Path, tmp_path: Path) -> None:
    drawn = {
        "positives": [str(good)],
        "negatives": [str(bad)],
        "architecture": "pooled",
        "dim": 16,
        "epochs": 4,
    }
    made = cupel.fit("quality-classifier", output=tmp_path / "model", options=drawn)
    assert made.about["about"]["auroc"] > 0.9
    assert sorted(path.name for path in made.folder.iterdir()) == [
        "about.json",
        "pooled.json",
        "pooled.safetensors",
        "tokenizer.json",
    ]
    method = QualityClassifier.from_options({"artifact": str(made.folder)})
    texts = pa.array(["osmosis lets water pass", "click here now", None], pa.large_string())
    quality = method.measure(pa.record_batch({"text": texts}))["quality"].to_pylist()
    assert quality[0] > quality[1]
    assert quality[2] is None


@pytest.mark.parametrize("follows", [True, False])
def test_a_score_that_goes_with_the_source_says_so(follows: bool) -> None:
    """Positives score higher; within a class the score is that of the source, or is not."""
    rng = np.random.default_rng(0)
    positive = np.arange(200) < 100
    source = np.array(["forum", "wiki"] * 100)
    within = (source == "wiki") if follows else rng.random(200) < 0.5
    scores = pa.array(0.1 + 0.6 * positive + 0.2 * within)
    held_out = pa.table(
        {
            "id": pa.array([f"d{number}" for number in range(200)], pa.large_string()),
            "text": pa.array(["The café in 東京 is open."] * 200, pa.large_string()),
            "source": pa.array(source.tolist(), pa.large_string()),
        }
    )
    learned = assess(lambda texts: scores, held_out, positive, (1000, 1000))
    assert learned.about["auroc"] == 1.0
    assert (learned.about["rank_variance_by"]["source"] == pytest.approx(1.0)) == follows
    assert learned.about["rank_variance_by"]["language"] == 0
    alarms = [block.text for block in learned.findings[0].blocks if isinstance(block, Alarm)]
    assert any("goes with the source" in text for text in alarms) == follows
    rows = [block.rows for block in learned.findings[0].blocks if isinstance(block, Table)]
    assert [row[:2] for row in rows[2]] == [("forum", 100), ("wiki", 100)]


def test_the_card_says_what_it_keys_on_and_what_it_is_unsure_of(
    good: Path, bad: Path, tmp_path: Path
) -> None:
    made = cupel.fit("quality-classifier", output=tmp_path / "model", options=options(good, bad))
    (section,) = made.page().sections
    tables = {block.columns[0]: block for block in section.blocks if isinstance(block, Table)}
    toward, away = ({row[place] for row in tables["toward positive"].rows} for place in (0, 2))
    assert {"membrane", "osmosis"} <= toward
    assert {"click", "cheap"} <= away
    assert not toward & away
    calibration = tables["score"].rows
    assert sum(row[1] for row in calibration) == made.about["about"]["held_out"]
    kept = [row[2] for row in tables["negatives kept"].rows]
    assert kept == sorted(kept, reverse=True)
    assert any(isinstance(block, Samples) for block in section.blocks)
