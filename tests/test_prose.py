"""Plain American English, and names that say what they hold: the tables of CONTRIBUTING.md, enforced."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FOLDERS = ("src", "benchmarks", "claims", "tools", "tests")
CODE = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py") if path != Path(__file__))
PROSE = sorted(
    [
        *(path for path in CODE if path.is_relative_to(ROOT / "src")),
        *(ROOT / "src").rglob("*.yaml"),
        *(ROOT / "docs").glob("*.md"),
        *(ROOT / "crates").rglob("*.rs"),
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        ROOT / "CHANGELOG.md",
        ROOT / "Makefile",
    ]
)
COUNTED = re.compile(
    r"\b(?:row|rows|byte|bytes|bit|bits|time|times|seconds|ms|MB|task|trial|file|label|column|entry|line|call|answer|"
    r"tokens|documents|pages|pairs|samples) an? (?:document|word|token|byte|page|step|core|trial|arm|shard|second|row|"
    r"line|bin|pass|run|model|pair|minute|hour|member|key|process|call|target|band|crawl)\b"
)
"""`a row a document` for `a row per document`."""


@cache
def tables() -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names and phrases that CONTRIBUTING.md rules out."""
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    section = text.split("## Words")[1].split("\n## ")[0]
    rows = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("| ")]
    names = tuple(match for row in rows for match in re.findall(r"`(\w+)`", row[1]))
    at = next(place for place, row in enumerate(rows) if row[0].strip() == "write")
    phrases = tuple(
        phrase.strip() for row in rows[at + 1 :] for phrase in row[1].split(",") if set(row[1]) - set(" -")
    )
    return names, phrases


def assigned(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Every name that a module gives to a value or a parameter, with its line."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id, node.lineno
        elif isinstance(node, ast.arg):
            yield node.arg, node.lineno


def test_the_tables_are_read() -> None:
    names, phrases = tables()
    assert names == ("found", "told", "given", "gone", "one", "most")
    assert {"a row a document", "goes on where it was", "colour", "analyse"} <= set(phrases)
    assert COUNTED.search("It writes one row a document.")
    assert not COUNTED.search("It writes one row per document.")


@pytest.mark.parametrize("path", CODE, ids=lambda path: str(path.relative_to(ROOT)))
def test_names_say_what_they_hold(path: Path) -> None:
    names, _ = tables()
    vague = [
        f"line {line}: {name}" for name, line in assigned(ast.parse(path.read_text("utf-8"))) if name in names
    ]
    assert vague == []


@pytest.mark.parametrize("path", PROSE, ids=lambda path: str(path.relative_to(ROOT)))
def test_prose_is_plain_english(path: Path) -> None:
    _, phrases = tables()
    text = path.read_text("utf-8")
    if path.name == "CONTRIBUTING.md":
        text = text.replace(text.split("## Words")[1].split("\n## ")[0], "")
    # HTML's own `aria-labelledby` aside.
    words = re.compile(rf"\b(?:{'|'.join(map(re.escape, phrases))})(?!by\b)", re.IGNORECASE)
    odd = [
        f"line {text.count(chr(10), 0, match.start()) + 1}: {match[0]}"
        for pattern in (words, COUNTED)
        for match in pattern.finditer(text)
    ]
    assert odd == []


def test_one_name_stands_for_one_class() -> None:
    """But for `Options`, which every method has of its own."""
    classes = Counter(
        node.name
        for path in CODE
        if path.is_relative_to(ROOT / "src")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    )
    assert [name for name, count in classes.items() if count > 1 and name != "Options"] == []
