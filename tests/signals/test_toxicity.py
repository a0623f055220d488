"""Toxic words by severity."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from cupel.errors import BadInput, BadOption
from cupel.signals.toxicity import Toxicity


def measured(tmp_path: Path, content: str, texts: list[str | None]) -> tuple[list[int], list[float]]:
    file = tmp_path / "words.tsv"
    file.write_text(content, "utf-8")
    batch = pa.record_batch({"text": pa.array(texts, pa.large_string())})
    columns = Toxicity.from_options({"path": str(file)}).measure(batch)
    return columns["toxic_severity"].to_pylist(), columns["toxic_words_per_thousand"].to_pylist()


def test_severities_and_rates(tmp_path: Path) -> None:
    words = "darn\t1\nblast it\t2\nmist\t5\nheck\n"
    texts = [
        "darn darn it all",
        "Blast it, heck!",
        "Mist",
        "a darned mistake",
        "",
        None,
        "🤰 東京",
        "mist " * 1000,
    ]
    severity, rate = measured(tmp_path, words, texts)
    assert severity == [1, 2, 5, 0, 0, 0, 0, 5]
    assert rate == [1000 * 2 / 4, 1000 * 3 / 3, 5000, 0, 0, 0, 0, 5000]
    assert measured(tmp_path, words, []) == ([], [])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("darn\tmild\n", r"words\.tsv, line 1: severity is 'mild'; expected a whole number from 1 to 9"),
        ("heck\ndarn\t0\n", "line 2: severity is '0'"),
        ("\n \n", "has no words"),
    ],
)
def test_bad_lists(tmp_path: Path, content: str, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        measured(tmp_path, content, ["x"])


def test_a_list_is_needed() -> None:
    with pytest.raises(BadOption, match="give option 'path'"):
        Toxicity().measure(pa.record_batch({"text": ["x"]}))
    with pytest.raises(BadInput, match="cannot read the list nowhere"):
        Toxicity.from_options({"path": "nowhere"}).measure(pa.record_batch({"text": ["x"]}))
