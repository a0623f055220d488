"""Tokenizers that change text before they count say so once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import cupel
from cupel.recipe.progress import Silent
from cupel.signals.tokens import TokenDensity

BYTE_LEVEL = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
METASPACE = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True}


def write_tokenizer(path: Path, **stages: Any) -> Path:
    from tokenizers import Tokenizer, models

    declared = json.loads(Tokenizer(models.BPE(vocab={"a": 0, "b": 1}, merges=[], unk_token="b")).to_str())
    path.write_text(json.dumps(declared | stages))
    return path


@pytest.mark.parametrize(
    ("stages", "change"),
    [
        ({"normalizer": {"type": "NFC"}}, "composes characters (Unicode NFC)"),
        ({"normalizer": {"type": "Sequence", "normalizers": [{"type": "Lowercase"}]}}, "lowercases"),
        ({"pre_tokenizer": METASPACE, "decoder": METASPACE}, "writes spaces as ▁ in SentencePiece's style"),
        (
            {"normalizer": {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}},
            "writes spaces as ▁ in SentencePiece's style",
        ),
    ],
    ids=["nfc", "lowercase", "metaspace", "replace"],
)
def test_a_tokenizer_that_changes_text_says_so(stages: dict[str, Any], change: str, tmp_path: Path) -> None:
    path = write_tokenizer(tmp_path / "tokenizer.json", **stages)
    for named in (path, tmp_path):
        notice = TokenDensity.from_options({"tokenizer": str(named)}).notice()
        assert notice.startswith(f"{path} {change}"), notice
        assert notice.endswith("tokens are counted in the text that results")


def test_a_tokenizer_that_leaves_text_alone_says_nothing(tmp_path: Path) -> None:
    path = write_tokenizer(tmp_path / "tokenizer.json", pre_tokenizer=BYTE_LEVEL, decoder=BYTE_LEVEL)
    assert TokenDensity.from_options({"tokenizer": str(path)}).notice() == ""
    # Nothing is fetched, and nothing is refused, before anything is measured.
    for name in ("gpt2", "", str(tmp_path / "none.json")):
        assert TokenDensity.from_options({"tokenizer": name}).notice() == ""
    (tmp_path / "none.json").write_text("[]")
    assert TokenDensity.from_options({"tokenizer": str(tmp_path / "none.json")}).notice() == ""


def test_no_tokenizer_named_is_no_folder_read() -> None:
    assert TokenDensity.from_options({}).file_digests == {}


class Notes(Silent):
    def __init__(self) -> None:
        self.texts: list[str] = []

    def note(self, text: str) -> None:
        self.texts.append(text)


def test_a_run_says_it_once(tmp_path: Path) -> None:
    path = write_tokenizer(tmp_path / "tokenizer.json", normalizer={"type": "NFC"})
    (tmp_path / "pool.jsonl").write_text(json.dumps({"id": "a", "text": "a b"}) + "\n")
    recipe = cupel.Recipe.from_dict(
        {"name": "tokens", "signals": {"tokens": {"tokenizer": str(path)}}, "steps": ["tokens", "exact"]}
    )
    notes = Notes()
    for _ in range(2):  # the second finds a finished run
        cupel.refine(recipe, input=tmp_path / "pool.jsonl", output=tmp_path / "out", progress=notes)
    assert [text for text in notes.texts if text.startswith("tokens: ")] == [
        f"tokens: {path} composes characters (Unicode NFC); tokens are counted in the text that results"
    ]
