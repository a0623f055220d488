"""What a study pays for calling the lab many times: eight tiny trials in eight calls, with trainers that stay warm
between calls and with trainers that start anew for each.

    python benchmarks/warm_trainers.py
"""

from __future__ import annotations

import random
import resource
import tempfile
import time
from pathlib import Path

from cupel.lab.lab import Lab, TrialPlan
from cupel.lab.scale import Scale
from cupel.lab.trainers import end_idle

CALLS, STEPS = 8, 2
WORDS = ("silver", "ash", "bone", "lead", "gold", "fire", "cup", "dross", "metal", "trial", "smoke", "weigh")


def texts(number: int = 2000) -> list[str]:
    draw = random.Random(0)
    return [" ".join(draw.choices(WORDS, k=draw.randint(20, 60))) for _ in range(number)]


def seconds(lab: Lab, first_seed: int, *, warm: bool) -> tuple[float, float]:
    """Elapsed and of processors, of `CALLS` calls, each of which trains one trial of `STEPS` steps."""
    store = lab.tokens(texts(), "made")
    tokens = STEPS * lab.scale.training.sequences * lab.scale.model.context
    before, started = _processor_seconds(), time.monotonic()
    for seed in range(first_seed, first_seed + CALLS):
        lab.train([TrialPlan("made", store, seed, {"tokens": tokens})])
        if not warm:
            end_idle()
    end_idle()
    return time.monotonic() - started, _processor_seconds() - before


def _processor_seconds() -> float:
    """Of all processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        scale = Scale.load("nano", {"tokenizer.vocabulary": 300})
        lab = Lab.make(texts(), scale=scale, cache=Path(folder), device="cpu", workers=1)
        seconds(lab, 1000, warm=True)  # fills the compiler's own cache on disk for both
        anew = seconds(lab, 0, warm=False)
        warm = seconds(lab, 100, warm=True)
    compiled = "compiled" if lab.on.compile else "not compiled"
    print(f"{CALLS} trials of {STEPS} steps in {CALLS} calls, scale {lab.scale.name}, {compiled}")
    for name, (elapsed, processor) in (("a trainer for each call", anew), ("one that stays warm", warm)):
        print(
            f"{name:24} {elapsed:6.1f} s, of processors {processor:6.1f} s, {processor / CALLS:.2f} s a call"
        )


if __name__ == "__main__":
    main()
