"""A profile with the signals that it was asked for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import cupel
from cupel.errors import BadOption, UnknownName
from cupel.findings import Samples, Section, Table
from cupel.recipe.scores import read_asked

POOL = pa.table({"id": [f"d{n}" for n in range(40)], "text": ["word " * (n + 1) for n in range(40)]})


def sections(profile: Any, key: str) -> list[Section]:
    return [section for section in profile.page.sections if section.key == key]


def rows(section: Section) -> tuple[tuple[Any, ...], ...]:
    return next(block.rows for block in section.blocks if isinstance(block, Table))


def test_scores_agreement_and_examples() -> None:
    profile = cupel.inspect(POOL, signals=["word_count", "compression"])
    (spread,) = sections(profile, "scores")
    by_name = {row[0]: row[1:] for row in rows(spread)}
    assert set(by_name) == {"word_count", "compression_ratio"}  # the one column of counts that was asked for
    assert by_name["word_count"][0] == 1
    assert by_name["word_count"][3] == 20.5
    assert by_name["word_count"][6] == 40
    (agreement,) = sections(profile, "agreement")
    correlations = {(row[0], row[1]): row[2] for row in rows(agreement)}
    assert correlations[("word_count", "length in bytes")] == pytest.approx(1.0)
    by_words = next(s for s in sections(profile, "examples") if "word_count" in s.title)
    lowest, middle, highest = (block for block in by_words.blocks if isinstance(block, Samples))
    assert {sample.id for sample in lowest.samples} <= {"d0", "d1", "d2", "d3"}
    assert {sample.id for sample in middle.samples} <= {"d16", "d17", "d18", "d19"}
    assert {sample.id for sample in highest.samples} <= {"d36", "d37", "d38", "d39"}


def test_without_signals_there_are_no_scores() -> None:
    assert not sections(cupel.inspect(POOL), "scores")


def test_what_was_fitted_is_a_signal_by_its_folder(tmp_path: Path) -> None:
    for name, word in (("good", "theorem"), ("bad", "click")):
        lines = [json.dumps({"text": f"{word} number {number} of the {word}"}) for number in range(40)]
        (tmp_path / f"{name}.jsonl").write_text("\n".join(lines))
    pools = {"positives": [str(tmp_path / "good.jsonl")], "negatives": [str(tmp_path / "bad.jsonl")]}
    cupel.fit("quality-classifier", output=tmp_path / "Edu", options={**pools, "epochs": 20, "dim": 8})
    pool = pa.table({"text": ["a theorem", "a click", "the theorem and a click"]})
    profile = cupel.inspect(pool, signals=[str(tmp_path / "Edu"), f"again={tmp_path / 'Edu'}"])
    (agreement,) = sections(profile, "agreement")
    assert rows(agreement)[0][:2] == ("edu", "again")
    assert rows(agreement)[0][2] == pytest.approx(1.0)


def test_options_of_signals_are_set() -> None:
    with pytest.raises(BadOption, match="option 'segmentation' is 'words'"):
        cupel.inspect(POOL, signals=["counts"], overrides=["counts.segmentation=words"])
    with pytest.raises(BadOption, match="tokens: give option 'tokenizer'"):
        cupel.inspect(POOL, signals=["token_count"])


def test_what_is_no_signal_is_refused() -> None:
    with pytest.raises(
        UnknownName, match="--signal: no signal is called 'perplexty'; did you mean 'perplexity'"
    ):
        read_asked(["perplexty"])
