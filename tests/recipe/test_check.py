"""What a recipe would do to a document, held against what a run does to it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import cupel
from cupel.errors import BadInput
from tests.conftest import make_rows


@pytest.mark.parametrize("name", ["c4", "fineweb", "gopher"])
def test_a_check_says_what_a_run_does(name: str, tmp_path: Path) -> None:
    rows = make_rows(60)
    rows += [{"id": "short", "text": "Too short.", "source": "x", "lang": "en"}]
    (tmp_path / "pool.jsonl").write_text("\n".join(map(json.dumps, rows)))
    recipe = cupel.Recipe.load(name)
    result = cupel.refine(recipe, input=tmp_path / "pool.jsonl", output=tmp_path / "out")
    checks = recipe.check(rows)
    ledger = {row["id"]: row for row in result.ledger().to_pylist()}
    compared = {step.label for step in recipe.steps} & set(checks[0].not_applied)
    assert compared
    kept_texts = dict(
        zip(*(result.corpus().to_arrow()[column].to_pylist() for column in ("id", "text")), strict=True)
    )
    statuses = set()
    for row, check in zip(rows, checks, strict=True):
        ran = ledger[row["id"]]
        if ran["step"] in compared or compared & set(ran["edits"] or ()):
            assert check.kept or check.step not in compared
            continue
        statuses.add(check.status)
        assert (check.status, check.step, check.reason) == (ran["status"], ran["step"], ran["reason"])
        assert check.edits == tuple(ran["edits"] or ())
        if not check.kept:
            assert (check.value or "", check.limit) == (ran["value"], ran["limit"])
            assert check.failed == tuple(ran["failed"])
        else:
            assert check.text == kept_texts[row["id"]]
        assert check.signals == {k: v for k, v in (ran["signals"] or {}).items() if v is not None}
    assert statuses == {"kept", "dropped"}


def test_one_document_or_several() -> None:
    recipe = cupel.Recipe.from_dict({"name": "long", "steps": [{"length": {"min_words": 3}}]})
    chat = {
        "messages": [
            {"role": "user", "content": "Hello"},
            {"role": "assistant", "content": "Good day to you"},
        ]
    }
    text_check, row, several = (
        recipe.check("Café"),
        recipe.check(chat),
        recipe.check([chat, "Café", {"year": 1556}]),
    )
    assert (text_check.kept, row.kept) == (False, True)
    assert [check.status for check in several] == ["kept", "dropped", "quarantined"]
    assert several[2].reason == "missing-text"
    assert "min_words" in text_check._repr_html_()
    with pytest.raises(BadInput, match="document 2 is a int"):
        recipe.check(["Café", 3])  # type: ignore[list-item]


def test_what_needs_more_than_a_document_is_named() -> None:
    recipe = cupel.Recipe.from_dict(
        {
            "name": "mixed",
            "steps": [
                {"length": {"min_words": 2}},
                {"ngram-perplexity": {"order": 3}},
                {"threshold": {"signal": "ngram_perplexity", "at_most": 100}},
                "minhash",
            ],
        }
    )
    check = recipe.check("Café in 東京")
    assert check.kept
    assert check.not_applied["ngram-perplexity"] == "learns from the corpus first"
    assert check.not_applied["threshold"] == "needs ngram_perplexity, which was not measured"
    assert check.not_applied["minhash"] == "compares all documents of a corpus"
