"""What a study pays for calling the lab many times: eight tiny trials in eight calls, with trainers that stay warm
between calls and with trainers that start anew for each.

    python benchmarks/warm_trainers.py
"""

from __future__ import annotations

import random
import tempfile
import time
from pathlib import Path

from cupel.lab.lab import Lab, TrialPlan
from cupel.lab.scale import Scale
from cupel.lab.trainers import end_idle

CALLS = 8
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
]


def texts(number: int = 2000) -> list[str]:
    draw = random.Random(0)
    return [" ".join(draw.choices(WORDS, k=draw.randint(20, 60))) for _ in range(number)]


def seconds(lab: Lab, first_seed: int, *, warm: bool) -> float:
    """Of `CALLS` calls, each of which trains one trial of twenty steps."""
    store = lab.tokens(texts(), "made")
    started = time.monotonic()
    for seed in range(first_seed, first_seed + CALLS):
        lab.train([TrialPlan("made", store, seed, {"tokens": 20 * lab.scale.training.sequences * 256})])
        if not warm:
            end_idle()
    return time.monotonic() - started


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        scale = Scale.load("nano", {"tokenizer.vocabulary": 300})
        lab = Lab.make(texts(), scale=scale, cache=Path(folder), device="cpu", workers=1)
        seconds(lab, 1000, warm=True)  # the compiler's own cache on disk is warm for both
        end_idle()
        anew = seconds(lab, 0, warm=False)
        warm = seconds(lab, 100, warm=True)
    print(
        f"{CALLS} trials of 20 steps in {CALLS} calls, scale nano, {'compiled' if lab.on.compile else 'not compiled'}"
    )
    print(f"a trainer for each call  {anew:6.1f} s, {anew / CALLS:.2f} s a call")
    print(f"one that stays warm      {warm:6.1f} s, {warm / CALLS:.2f} s a call")


if __name__ == "__main__":
    main()
