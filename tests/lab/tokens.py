"""Small token stores for tests, written by the lab's own packer from made text."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from cupel.lab.data.documents import DOCUMENTS
from cupel.lab.data.pack import pack
from cupel.lab.training.job import ModelShape, TrainJob
from cupel.lab.training.tokens import TokenStore
from cupel.models.tokenizer import Tokenizer, train_tokenizer
from cupel.store import make
from tests.conftest import WORDS

SHAPE = ModelShape(hidden_size=32, layers=2, heads=2, feed_forward_size=64, context=32)


def texts(number: int, seed: int = 0) -> list[str]:
    """Documents of common words, 5 to 60 each."""
    draw = random.Random(seed)
    return [" ".join(draw.choices(WORDS, k=draw.randint(5, 60))) for _ in range(number)]


def tokenizer(folder: Path) -> Tokenizer:
    return train_tokenizer(texts(200), 300, folder / "tokenizer.json")


def batch(
    documents: Sequence[str], weights: Sequence[float] | None = None, prefix: str = "d"
) -> pa.RecordBatch:
    return pa.RecordBatch.from_pydict(
        {
            "id": [f"{prefix}{place}" for place in range(len(documents))],
            "text": list(documents),
            "domain": ["made"] * len(documents),
            "weight": list(weights or [1.0] * len(documents)),
        },
        schema=DOCUMENTS,
    )


def store(folder: Path, documents: Sequence[str], weights: Sequence[float] | None = None) -> TokenStore:
    made = tokenizer(folder)

    def build(unfinished: Path) -> None:
        pack([(None, [batch(documents, weights)])], made, unfinished, name="made")

    return TokenStore(make(folder / "tokens", build, whole=TokenStore.is_whole))


def job(tokens: TokenStore, output: Path, **changed: object) -> TrainJob:
    values: dict[str, object] = {
        "tokens": str(tokens.folder),
        "tokenizer": str(tokens.folder.parent / "tokenizer.json"),
        "output": str(output),
        "model": SHAPE,
        "vocabulary": 300,
        "end_of_text": 299,
        "seed": 1,
        "steps": 12,
        "sequences": 4,
        "learning_rate": 0.01,
        "compile": False,
        "checkpoint_steps": 5,
        "name": "made, seed 1",
    }
    return TrainJob(**{**values, **changed})  # type: ignore[arg-type]
