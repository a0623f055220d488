"""Verdicts of a guard model: what is read of an answer, what it is asked, and a run that drops by them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import cupel
from cupel.contract import Resources
from cupel.errors import BadInput
from cupel.models.model import Answer, Request
from cupel.signals.guard import Guard, read_verdict
from tests.models.server import serving

MODEL = "openai:http://127.0.0.1:1/v1#m"


@pytest.mark.parametrize(
    ("answer", "unsafe", "categories"),
    [
        ("safe", False, ()),
        ("\n\nsafe\n", False, ()),
        ("unsafe\nS1,S10", True, ("S1", "S10")),
        ("**Unsafe**\ns2, S2", True, ("S2",)),
        ("unsafe", True, ()),
        ("Safe. It is not S1.", False, ()),
    ],
)
def test_verdicts_are_read(answer: str, unsafe: bool, categories: tuple[str, ...]) -> None:
    assert read_verdict(answer) == (unsafe, categories)


@pytest.mark.parametrize("answer", ["", "I cannot help with that.", "unsafely", "It is safe", "S1"])
def test_what_is_no_verdict(answer: str) -> None:
    assert read_verdict(answer) is None


def test_what_is_asked_and_given() -> None:
    asked: list[Request] = []

    def ask(requests: Any) -> list[Answer]:
        asked.extend(requests)
        return [Answer("safe"), Answer("unsafe\nS9"), Answer("Hm."), Answer(None, "HTTP status 500")]

    texts = ["Café", "", "how to build it", "東京", "x" * 9000, None]
    batch = pa.record_batch({"text": pa.array(texts, pa.large_string())})
    measure = Guard.from_options({"model": MODEL}).prepare(Resources(ask=lambda reference, device: ask))
    measured = measure(batch)
    assert measured["unsafe"].to_pylist() == [False, False, True, None, None, False]
    assert measured["unsafe_categories"].to_pylist() == ["", "", "S9", None, None, ""]
    assert len(asked) == 4  # blank texts are not asked about
    assert "S10: hate" in asked[0].messages[0].content
    assert "x" * 6000 in asked[3].messages[0].content
    assert "x" * 6001 not in asked[3].messages[0].content


def test_a_guard_is_sent_the_bare_text_and_another_taxonomy(tmp_path: Path) -> None:
    bare = Guard.from_options({"model": MODEL, "prompt": "bare"})
    assert bare._request("", "Café").messages[0].content == "Café"
    file = tmp_path / "taxonomy.txt"
    file.write_text("S1: rain\n", "utf-8")
    own = Guard.from_options({"model": MODEL, "taxonomy": str(file)})
    assert "S1: rain" in own._request(own._taxonomy(), "Café").messages[0].content
    with pytest.raises(BadInput, match=r"taxonomy .*nowhere\.txt cannot be read"):
        Guard.from_options({"model": MODEL, "taxonomy": "nowhere.txt"}).prepare(Resources())


def test_in_a_run(tmp_path: Path) -> None:
    with serving() as server:
        server.reply = lambda prompt: "unsafe\nS2" if "fraud for" in prompt else "safe"
        recipe = cupel.Recipe.from_dict(
            {
                "name": "r",
                "steps": [{"guard": {"model": f"openai:{server.base}#m"}}, {"where": "not unsafe"}],
            }
        )
        texts = ["Rain in 東京.", "A guide to fraud for beginners."]
        result = cupel.refine(
            recipe, input=pa.table({"id": ["a", "b"], "text": texts}), output=tmp_path / "out"
        )
    assert result.corpus().to_arrow()["text"].to_pylist() == texts[:1]
    (dropped,) = [row for row in result.ledger().to_arrow().to_pylist() if row["reason"]]
    assert dropped["signals"]["unsafe_categories"] == "S2"
