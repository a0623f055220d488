"""How much do trials scatter over seeds, and is the verdict to be trusted? Is the scale's recipe well tuned?

    python benchmarks/noise.py [--scale nano] [--seeds 10] [--sweep] [--cache FOLDER]

One arm of clean text of six domains of the pool, the scale's tokenizer, and trials that differ in nothing but their
seed, scored on held-out documents of each domain:

1. The noise floor of each measure, and the line `noise_floor` for the scale's file.
2. Simulated assays between disjoint groups of three of the trials: equal arms should be undecided.
3. The same arm with its words shuffled in a fifth of its text, three seeds: it should be called worse. The floors
   are those of the seeds that are not compared.
4. With `--sweep`, before all else: learning rates and warm-ups around the scale's, two seeds each.

Trials are kept in the cache: a second run trains nothing.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from pool import ROOT, print_table, save, shared

from cupel.lab.assay import evaluation_on
from cupel.lab.evaluations.held_out import HeldOut
from cupel.lab.lab import Lab, TrialPlan
from cupel.lab.scale import Scale
from cupel.lab.training.tokens import TokenStore
from cupel.reproduction.pool import draw, read_pool, split
from cupel.verdict.calibration import calibration
from cupel.verdict.floor import noise_floor
from cupel.verdict.measures import Measure
from cupel.verdict.verdict import compare

DOMAINS = ("wiki_en", "news", "books_eltec", "science_papers", "forum_qa", "web_crawl")
DEVIATION_BAR, UNDECIDED_BAR = 0.005, 0.95
RATES, WARM_UPS = (0.5, 1.0, 1.5), (0.02, 0.05, 0.15)
JUNK, ASSAYED = 0.2, 3

Measures = Mapping[int, Sequence[Measure]]


@dataclass(frozen=True)
class Bench:
    """A lab, the text it scores on, and how."""

    lab: Lab
    evaluation: HeldOut

    def measures(
        self, name: str, store: TokenStore, seeds: int, changes: Mapping[str, Any] | None = None
    ) -> dict[int, Sequence[Measure]]:
        """What trials of an arm score, by seed."""
        trials = self.lab.train([TrialPlan(name, store, seed, changes or {}) for seed in range(seeds)])
        return {trial.seed: self.lab.score(trial, [self.evaluation]) for trial in trials}


def sweep(bench: Bench, store: TokenStore) -> None:
    """Mean bits per byte by learning rate and warm-up: a cross around the recipe, not a whole grid."""
    training = bench.lab.scale.training
    table: list[list[object]] = []
    for times in RATES:
        row: list[object] = [f"{times:g}"]
        for warm_up in WARM_UPS:
            if times != 1 and warm_up != WARM_UPS[1] and warm_up != training.warmup:
                row.append("")
                continue
            changes: dict[str, Any] = {"training.warmup": warm_up}
            for name in ("learning_rate", "embedding_learning_rate", "head_learning_rate"):
                if (rate := getattr(training, name)) is not None:
                    changes[f"training.{name}"] = rate * times
            means = means_of(bench.measures("clean", store, 2, changes))
            row.append(" ".join(f"{mean:.4f}" for mean in means))
        table.append(row)
    head = ["learning rates", *(f"warm-up {warm_up:g}" for warm_up in WARM_UPS)]
    note = "Learning rates as multiples of the scale's: matrices, embeddings and output layer together."
    print_table(f"Recipe of {bench.lab.scale.name}: bits per byte of two seeds", head, table, note)


def means_of(measures: Measures) -> list[float]:
    """The mean over domains of each seed."""
    return [float(np.mean([measure.value for measure in results])) for results in measures.values()]


def floor(name: str, measures: Measures) -> None:
    """The scatter of each measure over all seeds."""
    floors = noise_floor(measures)
    body = [
        [name, f"{f.mean:.4f}", f"{f.deviation:.5f}", f"{f.relative:.3%}", f"{f.low / f.mean:.3%} to {f.high / f.mean:.3%}"]
        for name, f in floors.items()
    ]  # fmt: skip
    head = ["measure", "mean", "standard deviation", "relative", "95 % interval of it"]
    print_table(f"Noise floor of {name} over {len(measures)} seeds", head, list(body))
    relative = {name: f.relative for name, f in floors.items()}
    mean = next(value for where, value in relative.items() if where.endswith(" mean"))
    domain = float(
        np.sqrt(np.mean([value**2 for where, value in relative.items() if not where.endswith(" mean")]))
    )
    print(f"noise_floor: {{mean: {mean:.5f}, domain: {domain:.5f}, seeds: {len(measures)}}}")
    print(f"bar {DEVIATION_BAR:.1%}: {'met' if mean <= DEVIATION_BAR else 'missed'} ({mean:.2%})", flush=True)


def equal_arms(measures: Measures) -> None:
    """What assays between trials of the same data say."""
    result = calibration(measures, np.random.default_rng(0), seeds=ASSAYED)
    print_table(
        f"{result.assays} simulated assays, {ASSAYED} seeds against {ASSAYED}, of {result.trials} trials of the same data",
        ["planted improvement", "undecided", "decided rightly", "decided wrongly"],
        [[f"{shift.shift:.1%}", shift.undecided, shift.right, shift.wrong] for shift in result.shifts],
    )
    share = result.shifts[0].undecided / result.assays
    print(f"bar {UNDECIDED_BAR:.0%} undecided: {'met' if share >= UNDECIDED_BAR else 'missed'}", flush=True)


def planted_junk(bench: Bench, documents: pa.Table, clean: Measures) -> None:
    """The arm with a fifth of its text shuffled, against the arm as it is."""
    rng = np.random.default_rng(0)
    bad = set(draw(documents, int(JUNK * documents["text"].nbytes), 0)["id"].to_pylist())
    texts = [
        " ".join(rng.permutation(text.split())) if id in bad else text
        for id, text in zip(documents["id"].to_pylist(), documents["text"].to_pylist(), strict=True)
    ]
    at = documents.schema.get_field_index("text")
    junk = documents.set_column(at, "text", pa.array(texts, pa.large_string()))
    shuffled = bench.measures("junk", bench.lab.tokens(junk, "junk"), ASSAYED)
    some = {seed: clean[seed] for seed in range(ASSAYED)}
    floors = noise_floor({seed: values for seed, values in clean.items() if seed >= ASSAYED})
    verdict = compare({"clean": some, "junk": shuffled}, "clean", floors)
    print_table(
        f"{JUNK:.0%} of the text shuffled, {ASSAYED} seeds",
        ["measure", "clean", "junk", "difference", "95 % interval", "p (Holm)", "verdict"],
        [
            [comparison.name, f"{comparison.baseline_value:.4f}", f"{comparison.value:.4f}", f"{comparison.difference:+.4f}",
             f"{comparison.low:+.4f} to {comparison.high:+.4f}", f"{comparison.p_holm:.2g}", comparison.verdict]
            for comparison in verdict.comparisons
        ],
    )  # fmt: skip
    print(f"bar: called worse: {'met' if verdict.comparisons[0].verdict == 'worse' else 'missed'}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--scale", default="nano")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--sweep", action="store_true")
    parser.add_argument("--cache", default=str(ROOT / "bench-results" / "lab"))
    arguments = parser.parse_args()
    data = shared()
    if data is None:
        print("skipped: needs the real pool that lies beside the project (../shared)")
        return
    scale = Scale.load(arguments.scale)
    held_out, rest = split(read_pool(data, DOMAINS), scale.evaluation.held_out_bytes // len(DOMAINS), 0)
    lab = Lab.make(rest["text"].to_pylist(), scale=scale, cache=arguments.cache)
    bench, store = Bench(lab, evaluation_on(held_out, scale)), lab.tokens(rest, "clean")
    if arguments.sweep:
        sweep(bench, store)
    measures = bench.measures("clean", store, arguments.seeds)
    floor(scale.name, measures)
    if arguments.seeds >= 2 * ASSAYED:
        equal_arms(measures)
        planted_junk(bench, rest, measures)
    save("noise", {"scale": scale.name, "means": means_of(measures)})


if __name__ == "__main__":
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    main()
