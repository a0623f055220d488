"""A small world for claims: made pools, a tiny scale, the project's own claims."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from pathlib import Path

import zstandard

from cupel.lab.scale import Scale
from cupel.reproduction.claim import Context
from cupel.reproduction.folder import ClaimFile, find_claim
from cupel.store import Store
from tests.conftest import ROOT, prose

CLAIMS = ROOT / "claims"
SCALE = Scale.from_dict(
    {
        "name": "tiny",
        "model": {"hidden_size": 32, "layers": 1, "heads": 2, "feed_forward_size": 64, "context": 80},
        "tokenizer": {"vocabulary": 300},
        "tokens": 4000,
        "training": {"sequences": 4, "learning_rate": 0.01},
        "evaluation": {"held_out_bytes": 4000},
    }
)


def claim(name: str) -> ClaimFile:
    return find_claim(name, CLAIMS)


def module(name: str) -> dict[str, object]:
    """What the file of a claim defines."""
    return claim(name).run.__globals__


def write_data(
    folder: Path, names: Sequence[str], documents: int = 60, words: tuple[int, int] = (60, 200)
) -> Path:
    """A folder like that of the real data, with made documents in every file."""
    (folder / "pool").mkdir(parents=True, exist_ok=True)
    for number, name in enumerate(names):
        rng = random.Random(number)
        rows = [
            {"id": f"{name}-{place}", "text": prose(rng, rng.randint(*words)), "source": name}
            for place in range(documents)
        ]
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        (folder / "pool" / f"{name}.jsonl.zst").write_bytes(zstandard.compress(lines.encode()))
    return folder


def context(folder: Path, data: Path | None = None, seeds: tuple[int, ...] = (0,)) -> Context:
    return Context(
        cache=Store(folder / "cache"), scale=SCALE, seeds=seeds, data=data, device="cpu", workers=1
    )
