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
RUST = sorted([*(ROOT / "crates").rglob("*.rs"), *(ROOT / "fuzz" / "fuzz_targets").glob("*.rs")])
LITERAL = re.compile(
    r"""//[^\n]*|/\*.*?\*/|b?r(?P<hashes>#*)".*?"(?P=hashes)|b?"(?:\\.|[^"\\])*"|b?'(?:\\[^\n']+|\\'|[^'\\\n])'""",
    re.DOTALL,
)
"""A comment, a string or a character of Rust."""
BINDINGS = (
    r"\blet\s(?P<pattern>[^=;]*)",
    r"\bfor\s(?P<pattern>[^{};]*?)\sin\b",
    r"(?:(?<=[(,={])|\bmove|\breturn|=>)\s*\|(?P<pattern>[^|{};]+)\|",
    r"(?:^|[{},])(?P<pattern>[^{};]*?)=>",
    r"(?P<pattern>\b\w+\s*:(?!:))",
)
"""Where Rust binds names: `let`, `for`, closures, arms of `match`, and all that has a type or is a field."""


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


def without_literals(source: str) -> str:
    """Rust with comments and strings blanked out, line by line; `format!("{name}")` included."""
    return LITERAL.sub(lambda literal: re.sub(r"[^\n]", " ", literal[0]), source)


def bound(source: str, names: tuple[str, ...]) -> list[str]:
    """Those `names` that Rust source binds, with their lines; keywords of Python's callers aside."""
    keywords = {
        name
        for signature in re.findall(r"#\[pyo3\(signature = \((.*)\)\)\]", source)
        for name in re.findall(r"\w+", signature)
    }
    code = without_literals(source)
    places = {
        (code.count("\n", 0, binding.start("pattern") + name.start()) + 1, name[0])
        for pattern in BINDINGS
        for binding in re.finditer(pattern, code, re.MULTILINE)
        for name in re.finditer(rf"(?<![.\w])(?:{'|'.join(names)})\b(?!\s*[(!]|::)", binding["pattern"])
    }
    return [f"line {line}: {name}" for line, name in sorted(places) if name not in keywords]


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


@pytest.mark.parametrize(
    "source",
    [
        "let one = 1;",
        "let mut one = 1;",
        "let (a, one) = pair;",
        "let Some(one) = first else { return };",
        "if let Ok(one) = read {}",
        "for one in all {}",
        "for (place, &one) in all {}",
        "all.map(|one| one.len())",
        "all.fold(0, |a, &one| a + one)",
        "move |one: &str| one.len()",
        "match first { Some(one) => one, None => 0 }",
        "fn size(one: &str) -> usize { one.len() }",
        "struct Pair { one: usize }",
    ],
)
def test_what_rust_binds_is_seen(source: str) -> None:
    assert bound(source, ("one", "most")) == ["line 1: one"]


@pytest.mark.parametrize(
    "source",
    [
        "// let one = 1;",
        'let text = "let one = 1;";',
        'let text = r#"for "one" in all"#;',
        "let mark = '\"'; // one",
        "let size = one(text);",
        "let size = pair.one;",
        "#[pyo3(signature = (text, *, one=1))]\nfn size(text: &str, one: usize) {}",
    ],
)
def test_what_rust_does_not_bind_is_not(source: str) -> None:
    assert bound(source, ("one", "most")) == []


@pytest.mark.parametrize("path", RUST, ids=lambda path: str(path.relative_to(ROOT)))
def test_names_in_rust_say_what_they_hold(path: Path) -> None:
    names, _ = tables()
    assert bound(path.read_text("utf-8"), names) == []


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
