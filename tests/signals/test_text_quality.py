"""Heuristics weighted by perplexity: against plain Python, on junk that was planted, and on hostile texts."""

from __future__ import annotations

import json
import random
import re
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import cupel
from cupel.contract import Resources
from cupel.errors import BadInput, BadOption
from cupel.models.ngram import Ngram
from cupel.signals.line_heuristics import DETERMINERS, STOP_WORDS, passes
from cupel.signals.text_lines import cut
from cupel.signals.text_quality import TextQuality, line_scores
from tests.conftest import prose

MENU = [
    "Home | About | {login}",
    "SALE 50% OFF $3.99!!!",
    "buy buy buy buy now",
    "lorem ipsum",
    "»» 1/2/3 ««",
]


def plain(line: str) -> dict[str, bool]:
    """The heuristics, a line at a time."""
    words = line.split()
    runs = [run.lower() for run in re.findall(r"[0-9A-Za-z_]+", line)]
    marks = len(re.findall(r"[!-/:-@\[-^`{-~]", line))
    return {
        "first_letter_capital": bool(re.match(r"\s*[A-Z]", line)),
        "not_all_capitals": any(c.islower() for c in line) or not any(c.isupper() for c in line),
        "few_repeated_words": len(set(words)) >= 0.8 * len(words),
        "few_digits_and_marks": len(re.findall(r"\d+", line)) + marks <= len(words) / 4,
        "no_braces": "{" not in line,
        "terminal_mark": line.rstrip().endswith((".", "!", "?", '"')),
        "two_stop_words": sum(run in STOP_WORDS for run in runs) >= 2,
        "no_placeholder": "javascript" not in line.lower() and "lorem ipsum" not in line.lower(),
        "more_than_three_tokens": len(runs) + marks > 3,
        "word_count": 3 < len(words) < 256,
        "determiner": any(run in DETERMINERS for run in runs),
    }


WORDS = [
    "the",
    "The",
    "AND",
    "of",
    "cat",
    "42",
    "a",
    "JavaScript",
    "lorem ipsum",
    "{",
    "x,",
    "end.",
    '"',
    "don't",
    "A_b",
    "1.5",
]


@given(
    st.lists(st.lists(st.sampled_from(WORDS), min_size=1, max_size=12).map(" ".join), min_size=1, max_size=4)
)
def test_heuristics_are_those_of_plain_python(lines: list[str]) -> None:
    measured = passes(cut(pa.array(["\n".join(lines)])))
    expected = [plain(line) for line in lines]
    for name, mask in measured.items():
        assert mask.tolist() == [row[name] for row in expected], name


def test_marks_beyond_ascii_are_marks() -> None:
    measured = passes(cut(pa.array(["“Ja” — … „東京」。「"])))
    assert not measured["few_digits_and_marks"].any()
    assert passes(cut(pa.array(["Er sagte: »Es regnet heute.”"])))["terminal_mark"].all()


def write(path: Path, texts: list[str]) -> str:
    rows = [json.dumps({"id": f"{path.stem}-{number}", "text": text}) for number, text in enumerate(texts)]
    path.write_text("\n".join(rows), "utf-8")
    return str(path)


def clean(number: int, seed: int) -> list[str]:
    rng = random.Random(seed)
    return [prose(rng, 80) for _ in range(number)]


def junk(number: int, seed: int) -> list[str]:
    rng = random.Random(seed)
    return [
        "\n".join(f"{rng.choice(MENU)} {rng.randrange(10**6):x}" for _ in range(8)) for _ in range(number)
    ]


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> cupel.FittedArtifact:
    folder = tmp_path_factory.mktemp("quality")
    pool = write(folder / "pool.jsonl", clean(60, 0) + junk(60, 1))
    reference = write(folder / "reference.jsonl", clean(60, 2))
    return cupel.fit(
        "text-quality", input=[pool], output=folder / "weights", options={"reference": [reference]}
    )


def score(fitted: cupel.FittedArtifact, texts: list[str | None]) -> list[float | None]:
    measure = TextQuality.from_options({"artifact": str(fitted.folder)}).prepare(Resources())
    measured = measure(pa.record_batch({"text": pa.array(texts, pa.large_string())}))
    return list(measured["text_quality"].to_pylist())


def test_clean_text_scores_above_junk(fitted: cupel.FittedArtifact) -> None:
    good, bad = score(fitted, clean(30, 5)), score(fitted, junk(30, 6))
    assert min(value for value in good if value is not None) > max(
        value for value in bad if value is not None
    )


def test_weights_follow_from_perplexities(fitted: cupel.FittedArtifact, tmp_path: Path) -> None:
    """The formula of the paper, with a model and lines of this test's own."""
    model = Ngram.fit([pa.array(clean(60, 2))], 3)
    lines = cut(pa.array(clean(60, 0) + junk(60, 1)))
    scored = model.log_probs(lines.texts())
    usable = scored.tokens > 0

    def perplexity(rows: np.ndarray) -> float:
        return float(np.exp(-scored.nats[rows & usable].sum() / scored.tokens[rows & usable].sum()))

    whole = perplexity(usable)
    for name, mask in passes(lines).items():
        expected = max(0.0, (whole - perplexity(mask)) / whole)
        assert fitted.about["about"]["weights"][name] == pytest.approx(expected, abs=1e-5), name
    assert fitted.about["about"]["weights"]["terminal_mark"] > 0.1
    assert "terminal_mark" in str(fitted.page())


def test_a_document_is_the_mean_of_its_lines_by_words(fitted: cupel.FittedArtifact) -> None:
    weights = fitted.about["about"]["weights"]
    texts = ["The cat sat on the mat of the house.\n{ MENU }\n\nYes", "One line."]
    lines = cut(pa.array(texts))
    own = line_scores(lines, weights)
    assert score(fitted, texts) == pytest.approx([(own[0] * 9 + own[1] * 3 + own[2]) / 13, own[3]])
    assert ((own >= 0) & (own <= 1)).all()


HOSTILE = ["", None, " \n\t", "\x00\x01", "🤰🏖", "x" * 1_000_000, "東京\n" * 1000, "the " * 300]


def test_hostile_texts_and_neighbors(fitted: cupel.FittedArtifact) -> None:
    texts = [*HOSTILE, *clean(5, 9), *junk(5, 9)]
    together = score(fitted, texts)
    assert together[:3] == [None, None, None]
    assert [score(fitted, [text])[0] for text in texts] == together
    assert score(fitted, []) == []


def test_one_half_is_measured_by_the_other(tmp_path: Path) -> None:
    pool = write(tmp_path / "pool.jsonl", clean(60, 0) + junk(60, 1))
    first = cupel.fit("text-quality", input=[pool], output=tmp_path / "first")
    again = cupel.fit("text-quality", input=[pool], output=tmp_path / "again", engine=cupel.Engine(cores=1))
    assert first.about["files"] == again.about["files"]
    good, bad = score(first, clean(20, 5)), score(first, junk(20, 6))
    assert np.mean([value or 0 for value in good]) > np.mean([value or 0 for value in bad])


def test_any_model_measures(tmp_path: Path) -> None:
    Ngram.fit([pa.array(clean(60, 2))], 3).save(tmp_path / "ngrams")
    pool = write(tmp_path / "pool.jsonl", clean(60, 0) + junk(60, 1))
    options: dict[str, Any] = {
        "model": f"ngram:{tmp_path / 'ngrams'}",
        "heuristics": ["terminal_mark", "no_braces"],
    }
    made = cupel.fit("text-quality", input=[pool], output=tmp_path / "weights", options=options)
    assert set(made.about["about"]["weights"]) == {"terminal_mark", "no_braces"}


def test_heuristics_that_help_nowhere_count_the_same(tmp_path: Path) -> None:
    """All lines pass, so that no perplexity is lower than that of all lines."""
    pool = write(tmp_path / "pool.jsonl", clean(80, 0))
    options = {"heuristics": ["no_braces", "no_placeholder"]}
    made = cupel.fit("text-quality", input=[pool], output=tmp_path / "weights", options=options)
    assert set(made.about["about"]["weights"].values()) == {0.0}
    assert "No heuristic lowers perplexity" in str(made.page())
    assert score(made, ["Fine.", "{ lorem ipsum }"]) == [1.0, 0.0]


def test_what_is_refused(tmp_path: Path) -> None:
    pool = write(tmp_path / "pool.jsonl", ["One line."])
    with pytest.raises(BadInput, match="there are 1 lines to learn from; expected 100 or more"):
        cupel.fit("text-quality", input=[pool], output=tmp_path / "weights")
    with pytest.raises(BadOption, match="'heuristics"):
        TextQuality.from_options({"heuristics": ["terminal_marks"]})
    with pytest.raises(BadOption, match="no such file"):
        TextQuality.from_options({"model": "gguf:nowhere.gguf"})
