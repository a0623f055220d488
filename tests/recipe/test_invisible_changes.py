"""What nobody sees decides nothing: line ends, trailing blanks and zero-width marks, through every shipped recipe."""

from __future__ import annotations

import json
import random
from collections import Counter, defaultdict
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

import pyarrow as pa
import pytest

import cupel
from cupel.contract import CorpusMethod, all_methods
from cupel.models.fasttext import FastTextTraining, train
from cupel.recipe.recipe import Recipe
from tests.conftest import make_rows
from tests.signals.texts import real_texts

RECIPES = sorted(
    path.name.removesuffix(".yaml")
    for path in files("cupel.recipe.built_in").iterdir()
    if ".yaml" in path.name
)


def between_words(mark: str) -> Callable[[str], str]:
    return lambda text: text.replace(" ", f"{mark} ")


def within_words(mark: str) -> Callable[[str], str]:
    def changed(text: str) -> str:
        return " ".join(
            f"{word[:2]}{mark}{word[2:]}" if len(word) > 4 and word.isascii() and word.isalpha() else word
            for word in text.split(" ")
        )

    return changed


VARIANTS: dict[str, Callable[[str], str]] = {
    "as it is": lambda text: text,
    "CRLF": lambda text: text.replace("\n", "\r\n"),
    "CR": lambda text: text.replace("\n", "\r"),
    "blanks at line ends": lambda text: text.replace("\n", " \t\n"),
    "no-break spaces at line ends": lambda text: text.replace("\n", "\u00a0\n"),
    "blanks at the end": lambda text: text + "  \t ",
    "byte order mark": lambda text: "\ufeff" + text,
    "zero-width spaces": between_words("\u200b"),
    "directional marks": between_words("\u200e"),
    "zero-width spaces at line ends": lambda text: text.replace("\n", "\u200b\n") + "\u200b",
    "directional marks at line starts": lambda text: "\u200f" + text.replace("\n", "\n\u200f"),
    "soft hyphens": within_words("\u00ad"),
    "word joiners": within_words("\u2060"),
}


ANNOTATING = {"redpajama-v2"}
"""Recipes that drop nothing: what they measure is what they decide."""

Outcome = tuple[object, ...]


def decisions(recipe: str, texts: list[str], folder: Path) -> dict[int, dict[str, Outcome]]:
    """What became of each variant of each text: status, step, reason, and signals where nothing is dropped."""
    rows = [
        {"id": f"{number}/{variant}", "text": change(text)}
        for number, text in enumerate(texts)
        for variant, change in VARIANTS.items()
    ]
    pool = folder / f"{recipe}.jsonl"
    pool.write_text("".join(json.dumps(row) + "\n" for row in rows))
    record = Recipe.load(recipe).to_dict()
    steps = [step for step in record["steps"] if not compares_documents(step)]
    signals = record.get("signals", {})
    for entry in signals.values():
        if "classifier-score" in entry:
            entry["classifier-score"] = {"scorer": f"fasttext:{scorer(folder, texts)}"}
    alone = Recipe.from_dict({"name": recipe, "signals": signals, "steps": steps})
    ledger = cupel.refine(alone, input=pool, output=folder / recipe).ledger()
    columns = ["status", "step", "reason", *(["signals"] if recipe in ANNOTATING else [])]
    by_text: dict[int, dict[str, Outcome]] = defaultdict(dict)
    for row in ledger.select("id", *columns).to_pylist():
        number, variant = row["id"].split("/", 1)
        by_text[int(number)][variant] = tuple(row[column] for column in columns)
    assert len(by_text) == len(texts)
    return by_text


def scorer(folder: Path, texts: list[str]) -> Path:
    """A classifier that tells every second text from the others, in place of a published one."""
    file = folder / "scorer.bin"
    labels = ["positive" if number % 2 else "negative" for number in range(len(texts))]
    file.write_bytes(train(pa.array(texts), pa.array(labels), FastTextTraining(dim=8, epochs=20)))
    return file


def compares_documents(step: object) -> bool:
    """Whether a step compares documents: the variants of a document are copies of each other."""
    method = all_methods().get(method_of(step))  # a name of the recipe's own is a signal's
    return method is not None and issubclass(method, CorpusMethod)


def method_of(step: object) -> str:
    return step if isinstance(step, str) else str(next(iter(step)))  # type: ignore[call-overload]


def differing(by_text: dict[int, dict[str, Outcome]]) -> list[str]:
    return [
        f"{number} {variant}: {decision} instead of {variants['as it is']}"
        for number, variants in by_text.items()
        for variant, decision in variants.items()
        if decision != variants["as it is"]
    ]


@pytest.mark.parametrize("recipe", RECIPES)
def test_generated_texts(recipe: str, tmp_path: Path) -> None:
    rng = random.Random(11)
    texts = [row["text"] for row in make_rows(40)]
    # Lines that rules look at: list items, ellipses, headings, repeated and short ones.
    for row in make_rows(40, seed=12):
        lines = row["text"].split("\n")
        odd = ["- an item", "and so on...", "MENU", lines[0], "2,000 + 3,000", "{ code }", "Read more"]
        for _ in range(rng.randrange(8)):
            lines.insert(rng.randrange(len(lines) + 1), rng.choice(odd))
        texts.append("\n".join(lines))
    by_text = decisions(recipe, texts, tmp_path)
    assert not differing(by_text)
    statuses = Counter(variants["as it is"][0] for variants in by_text.values())
    assert statuses["dropped"] or recipe in (*ANNOTATING, "gneissweb")  # it drops little but what repeats
    assert statuses["kept"] or recipe in ("code", "fineweb-edu")


@pytest.mark.slow
@pytest.mark.parametrize("recipe", RECIPES)
def test_real_texts(recipe: str, shared: Path, tmp_path: Path) -> None:
    assert not differing(decisions(recipe, real_texts(shared, each=30), tmp_path))
