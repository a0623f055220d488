"""What a `tokenizer.json` declares that changes text before it is cut into tokens."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

__all__ = ["describe_changes", "is_sentencepiece", "stage_types"]

_WORDS = {
    "NFC": "composes characters (Unicode NFC)",
    "NFD": "decomposes characters (Unicode NFD)",
    "NFKC": "replaces characters by their compatible forms (Unicode NFKC)",
    "NFKD": "replaces characters by their compatible forms (Unicode NFKD)",
    "Precompiled": "replaces characters by a table of its own",
    "Lowercase": "lowercases",
    "StripAccents": "strips accents",
    "BertNormalizer": "cleans and lowercases as BERT does",
    "Strip": "strips white space at the ends",
    "Nmt": "cleans white space and control characters",
}
"""Normalizers of the `tokenizers` library that change what a text says; those that only write spaces in
another way are part of SentencePiece's style."""


def stage_types(stage: object) -> list[str]:
    """The types of a stage of a `tokenizer.json`; those in a sequence take its place.

    >>> stage_types({"type": "Sequence", "normalizers": [{"type": "NFC"}, {"type": "Lowercase"}]})
    ['NFC', 'Lowercase']
    """
    if not isinstance(stage, dict):
        return []
    inner = next((stage[key] for key in ("normalizers", "pretokenizers", "decoders") if key in stage), None)
    if inner is not None:
        return [name for part in inner for name in stage_types(part)]
    return [str(stage.get("type", "unnamed"))]


def is_sentencepiece(declared: Mapping[str, Any]) -> bool:
    """Whether spaces become ▁, as SentencePiece (Kudo and Richardson 2018) writes them.

    Such a file cannot give all text back: a ▁ of the text itself becomes a space, and most put a space
    before the first word that is taken away again, or not.
    """
    stages = [declared.get(stage) for stage in ("normalizer", "pre_tokenizer", "decoder")]
    return any("Metaspace" in stage_types(stage) for stage in stages) or "▁" in json.dumps(
        stages, ensure_ascii=False
    )


def describe_changes(declared: Mapping[str, Any]) -> str:
    """What a tokenizer does to text before it counts tokens, in words; empty where it leaves text alone.

    >>> describe_changes({"normalizer": {"type": "NFC"}})
    'composes characters (Unicode NFC)'
    """
    changes = [_WORDS[name] for name in stage_types(declared.get("normalizer")) if name in _WORDS]
    if is_sentencepiece(declared):
        changes.append(
            "writes spaces as ▁ in SentencePiece's style, most often with one before the first word"
        )
    return ", ".join(dict.fromkeys(changes))
