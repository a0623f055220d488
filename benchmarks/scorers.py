"""What do five scorers in one recipe cost, beside their kernels alone?

    python benchmarks/scorers.py [--megabytes 40] [--repeats 3]

Five classifiers are trained on the same texts with different seeds, and asked as five named signals of one recipe. Seconds
are the processor's: of the recipe with the five signals, less those of the recipe without them, beside the sum of what
labeling the same texts takes by each classifier alone.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import tempfile
import time
from pathlib import Path

import pyarrow as pa
from pool import print_table, save, texts_of, write_jsonl_zst

import cupel
from cupel.models.fasttext import FastText, FastTextTraining, train
from cupel.recipe.recipe import Recipe

SCORERS = 5
TARGET = 1.15


def processor_seconds() -> float:
    """Of this process and of those that it has waited for."""
    return sum(
        used.ru_utime + used.ru_stime
        for used in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    )


def run(pool: Path, output: Path, scorers: list[Path]) -> float:
    """Processor seconds of a run that keeps the scores of these classifiers."""
    signals = {
        f"scorer-{place}": {"classifier-score": {"scorer": f"fasttext:{path}", "label": "good"}}
        for place, path in enumerate(scorers)
    }
    steps = ["compression", *signals]
    recipe = Recipe.from_dict({"name": "scored", "signals": signals, "steps": steps})
    started = processor_seconds()
    cupel.refine(recipe, input=pool, output=output, engine=cupel.Engine(cores=1), report=False)
    return processor_seconds() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--megabytes", type=float, default=40)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        size = write_jsonl_zst(folder / "pool", arguments.megabytes, files=2)
        texts = pa.array(texts_of(arguments.megabytes)[0], pa.large_string())
        learned = texts.slice(0, 2000)
        labels = pa.array(["good" if place % 2 else "bad" for place in range(len(learned))])
        scorers = []
        for seed in range(SCORERS):
            path = folder / f"{seed}.bin"
            path.write_bytes(train(learned, labels, FastTextTraining(dim=16, epochs=1, seed=seed)))
            scorers.append(path)
        kernels, without, whole = [], [], []
        for repeat in range(arguments.repeats):
            seconds = 0.0
            for path in scorers:
                model = FastText.load(path)
                started = time.process_time()
                model.classify(texts, threads=1)
                seconds += time.process_time() - started
            kernels.append(seconds)
            without.append(run(folder / "pool", folder / f"without-{repeat}", []))
            whole.append(run(folder / "pool", folder / f"whole-{repeat}", scorers))
    ratio = statistics.median((w - b) / k for w, b, k in zip(whole, without, kernels, strict=True))
    megabytes = size / 1e6
    named = {
        "five classifiers alone": statistics.median(kernels),
        "recipe without them": statistics.median(without),
        "recipe with them": statistics.median(whole),
    }
    print_table(
        f"Five scorers in one recipe, {megabytes:.0f} MB",
        ["what", "processor seconds (median)", "MB/s per core"],
        [[name, round(seconds, 2), round(megabytes / seconds, 1)] for name, seconds in named.items()],
        f"The scorers take {ratio:.2f} times what they take alone; target: {TARGET} "
        f"({'met' if ratio <= TARGET else 'not met'}).",
    )
    save("scorers", {"ratio": ratio, **{name: json.dumps(seconds) for name, seconds in named.items()}})


if __name__ == "__main__":
    main()
