"""Does scale nano-sft see bad answers, and are its learning rates right?

    python benchmarks/tuning.py [--seeds 3] [--rates 0.5 1 2] [--cache FOLDER]

Chats of Alpaca, a sixth of them held out, against the same chats with the words of every second answer shuffled: the
verdict should be "worse". At each multiple of the scale's learning rates; the best has the fewest bits per byte on
held-out answers of the intact arm. Trials are kept in the cache.
"""

from __future__ import annotations

import argparse
import io
import json
import random
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import zstandard
from pool import print_table, save, shared

import cupel

CHATS, HELD_OUT, SEED = 6000, 6, 0
RATES = ("learning_rate", "embedding_learning_rate", "head_learning_rate")

Chat = dict[str, Any]


def alpaca() -> list[Chat]:
    """The first chats of Alpaca, in its own fields."""
    data = shared()
    if data is None:
        raise SystemExit("needs the shared data: instruct/alpaca_quality_labels.jsonl.zst")
    path = data / "instruct" / "alpaca_quality_labels.jsonl.zst"
    raw = zstandard.ZstdDecompressor().stream_reader(path.open("rb"))
    rows = [json.loads(line) for line, _ in zip(io.TextIOWrapper(raw, "utf-8"), range(CHATS), strict=False)]
    fields = ("id", "instruction", "input", "output")
    return [{name: row[name] for name in fields if name in row} for row in rows]


def shuffled(chats: Iterable[Chat]) -> list[Chat]:
    """The chats with the words of every second answer in another order."""
    rng = random.Random(SEED)
    changed = []
    for number, chat in enumerate(chats):
        words = chat["output"].split()
        rng.shuffle(words)
        changed.append(chat | {"output": " ".join(words)} if number % 2 else chat)
    return changed


def write(path: Path, chats: Iterable[Chat]) -> Path:
    path.write_text("".join(json.dumps(chat) + "\n" for chat in chats), "utf-8")
    return path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--rates", type=float, nargs="+", default=[0.5, 1.0, 2.0])
    parser.add_argument("--cache", type=Path)
    arguments = parser.parse_args()
    scale = cupel.Scale.load("nano-sft")
    chats = alpaca()
    held_out = [chat | {"domain": "instructions"} for chat in chats[::HELD_OUT]]
    trained_on = [chat for number, chat in enumerate(chats) if number % HELD_OUT]
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        arms = [
            f"{name}={write(folder / f'{name}.jsonl', arm)}"
            for name, arm in (("intact", trained_on), ("shuffled", shuffled(trained_on)))
        ]
        options = cupel.AssayOptions(
            seeds=arguments.seeds,
            held_out=[str(write(folder / "held-out.jsonl", held_out))],
            cache=arguments.cache,
        )
        for rate in arguments.rates:
            changes = {f"training.{name}": getattr(scale.training, name) * rate for name in RATES}
            verdict = cupel.assay(arms, scale=scale.changed(changes), options=options).verdict
            (comparison,) = (item for item in verdict.comparisons if item.arm == "shuffled")
            rows.append(
                [
                    f"{rate:g}",
                    f"{comparison.baseline_value:.3f}",
                    f"{comparison.value:.3f}",
                    f"{comparison.relative:+.1%}",
                    f"{comparison.low / comparison.baseline_value:+.1%} to "
                    f"{comparison.high / comparison.baseline_value:+.1%}",
                    comparison.verdict,
                ]
            )
    head = ["rates ×", "intact, bits per byte", "shuffled", "difference", "95 % interval", "verdict"]
    print_table(
        f"nano-sft: words shuffled in half of the answers, {arguments.seeds} seeds",
        head,
        rows,
        f"{len(trained_on):,} chats of Alpaca per arm, {len(held_out):,} held out.",
    )
    save("tuning", {"seeds": arguments.seeds, "rows": [dict(zip(head, row, strict=True)) for row in rows]})


if __name__ == "__main__":
    main()
