"""Fixtures that several rooms share."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

import cupel.api
from cupel.lab import trials
from tests import warm

ROOT = Path(__file__).parent.parent
# How long a test takes says what else the computer does.
settings.register_profile("cupel", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("cupel")
# Drawing the page takes four fifths of a small run, and few tests look at it: these ask for it.
os.environ["CUPEL_REPORT"] = "0"
cupel.api.refine.__kwdefaults__["report"] = False
WORDS = [
    "the",
    "of",
    "and",
    "to",
    "in",
    "a",
    "is",
    "that",
    "it",
    "was",
    "for",
    "on",
    "are",
    "with",
    "as",
    "his",
    "they",
    "at",
    "be",
    "this",
    "from",
    "have",
    "or",
    "by",
    "one",
    "had",
    "not",
    "but",
    "what",
    "all",
    "were",
    "when",
    "we",
    "there",
    "can",
    "an",
    "your",
    "which",
    "their",
    "said",
    "if",
    "do",
    "will",
    "each",
    "about",
    "how",
    "up",
    "out",
    "them",
    "then",
    "she",
    "many",
    "some",
    "so",
    "these",
    "would",
    "other",
    "into",
    "has",
    "more",
    "her",
    "two",
    "like",
    "him",
    "see",
    "time",
    "could",
    "no",
    "make",
    "than",
    "first",
    "been",
    "its",
    "who",
    "now",
    "people",
    "my",
    "made",
    "over",
    "did",
    "down",
    "only",
    "way",
    "find",
    "use",
    "may",
    "water",
    "long",
    "little",
    "very",
    "after",
    "words",
    "called",
    "just",
    "where",
    "most",
    "know",
    "café",
    "naïve",
    "東京",
    "Zürich",
    "market",
    "history",
    "science",
    "river",
    "mountain",
    "engine",
    "winter",
    "garden",
    "letter",
]


def find_shared() -> Path | None:
    """The folder of real data that lies beside the project, if it does."""
    named = os.environ.get("CUPEL_SHARED")
    places = [Path(named)] if named else [ROOT.parent / "shared", ROOT.parent.parent / "shared"]
    return next((place for place in places if (place / "data").is_dir()), None)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real pools, pages and labels; tests that need them are skipped without."""
    folder = find_shared()
    if folder is None:
        pytest.skip("needs the real data that lies beside the project (../shared), which is not here")
    return folder


def pytest_configure(config: pytest.Config) -> None:
    global _quick
    _quick = config.option.markexpr == "not slow"
    # What one run of the tests learns is not there for the next, nor for whoever works here.
    os.environ["CUPEL_CACHE"] = str(warm.prepare() / "cache")


_quick = False


def examples(number: int) -> int:
    """How many generated examples a test tries: all in `make test-all`, a quarter in `make test`."""
    return number // 4 if _quick else number


@pytest.fixture(scope="session", autouse=True)
def _warm_trainers() -> Iterator[None]:
    """Processes that train are forks of one that has imported torch, started when the first is asked for."""

    class Warm(tuple):
        def __iter__(self) -> Iterator[str]:
            return iter((warm.trainer(),))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trials, "TRAINER", Warm())
        yield


@pytest.fixture(params=["some", pytest.param("all", marks=pytest.mark.slow)])
def thorough(request: pytest.FixtureRequest) -> bool:
    """Whether a comparison takes all of its texts, as `make test-all` has it, or a part that is soon done."""
    return bool(request.param == "all")


def prose(rng: random.Random, words: int) -> str:
    """Sentences of common words, in paragraphs."""
    sentences = []
    while words > 0:
        length = rng.randint(6, 18)
        sentence = " ".join(rng.choice(WORDS) for _ in range(length))
        sentences.append(sentence.capitalize() + rng.choice([".", ".", "?", "!"]))
        words -= length
    paragraphs = [" ".join(sentences[i : i + 4]) for i in range(0, len(sentences), 4)]
    return "\n".join(paragraphs)


def make_rows(documents: int, seed: int = 7) -> list[dict[str, str]]:
    """A pool with good documents, short ones, repeating ones, exact copies and near copies."""
    rng = random.Random(seed)
    rows: list[dict[str, str]] = []
    for number in range(documents):
        kind = rng.random()
        if kind < 0.15 and rows:
            text = rng.choice(rows)["text"]
        elif kind < 0.3 and rows:
            words = rng.choice(rows)["text"].split(" ")
            words[rng.randrange(len(words))] = "altered"
            text = " ".join(words)
        elif kind < 0.4:
            text = prose(rng, 12)
        elif kind < 0.5:
            text = (prose(rng, 10) + "\n") * 12
        else:
            text = prose(rng, rng.randint(90, 300))
        rows.append({"id": f"d{number}", "text": text, "source": f"s{number % 3}", "lang": "en"})
    return rows


def write_pool(folder: Path, documents: int, files: int, seed: int = 7) -> None:
    """A folder of JSONL files of generated documents."""
    folder.mkdir(parents=True)
    rows = make_rows(documents, seed)
    size = -(-documents // files)
    for number in range(files):
        lines = "".join(json.dumps(row) + "\n" for row in rows[number * size : (number + 1) * size])
        (folder / f"part-{number}.jsonl").write_text(lines)


@pytest.fixture
def make_pool(tmp_path: Path) -> Callable[..., Path]:
    """`make_pool(documents=…, files=…)`: a folder of JSONL files of generated documents."""

    def make(documents: int = 300, files: int = 3, seed: int = 7, name: str = "pool") -> Path:
        write_pool(tmp_path / name, documents, files, seed)
        return tmp_path / name

    return make
