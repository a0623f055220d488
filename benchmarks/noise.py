"""How much do trials scatter over seeds, and is the verdict calibrated? And is the scale's recipe well tuned?

    python benchmarks/noise.py [--scale nano] [--seeds 10] [--sweep] [--cache FOLDER]

One arm of clean text of six domains of the pool (shares as they lie there), the scale's tokeniser, and trials that
differ in nothing but their seed; held-out documents of each domain. Printed: the noise floor of each measure, the
line `noise_floor` for the scale's file, and simulated assays between disjoint groups of three of the trials.
With `--sweep` also: learning rates and warm-ups around the scale's, two seeds each.
"""

from __future__ import annotations

import argparse
import os

import numpy as np
from pool import ROOT, print_table, save, shared

DOMAINS = ("wiki_en", "news", "books_eltec", "science_papers", "forum_qa", "web_crawl")
DOMAIN_BAR = 0.005
CALIBRATION_BAR = 0.95
RATES = (0.5, 1.0, 1.6)
WARM_UPS = (0.02, 0.05, 0.15)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--scale", default="nano")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--sweep", action="store_true")
    parser.add_argument("--cache", default=str(ROOT / "bench-results" / "lab"))
    given = parser.parse_args()
    data = shared()
    if data is None:
        print("skipped: needs the real pool that lies beside the project (../shared)")
        return
    from cupel.claims.pool import read_pool, split
    from cupel.lab.assay import bits_per_byte_on
    from cupel.lab.calibration import calibration
    from cupel.lab.floor import noise_floor
    from cupel.lab.lab import Lab, TrialPlan
    from cupel.lab.scale import Scale

    scale = Scale.load(given.scale)
    held_out, rest = split(read_pool(data, DOMAINS), scale.evaluation.held_out_bytes // len(DOMAINS), 0)
    lab = Lab.make(rest["text"].to_pylist(), scale=scale, cache=given.cache)
    store = lab.tokens(rest, "clean")
    evaluation = bits_per_byte_on(held_out, scale)

    def scores(seeds: int, changes: dict[str, object] | None = None) -> tuple[dict, list[float]]:
        """Measures by seed, and the mean over domains of each seed."""
        trials = lab.train([TrialPlan("clean", store, seed, changes or {}) for seed in range(seeds)])
        found = {trial.seed: lab.score(trial, [evaluation]) for trial in trials}
        return found, [float(np.mean([one.value for one in measures])) for measures in found.values()]

    if given.sweep:
        print_table(
            f"Recipe of {scale.name}: bits per byte, mean of two seeds",
            ["learning rates", *(f"warm-up {one:g}" for one in WARM_UPS)],
            sweep(scale, scores),
            "Learning rates as multiples of the scale's: matrices, embeddings and output layer together.",
        )
    measures, means = scores(given.seeds)
    floors = noise_floor(measures)
    print_table(
        f"Noise floor of {scale.name} over {given.seeds} seeds",
        ["measure", "mean", "standard deviation", "relative", "95 % interval of it"],
        [
            [name, f"{one.mean:.4f}", f"{one.deviation:.5f}", f"{one.relative:.3%}",
             f"{one.low / one.mean:.3%} to {one.high / one.mean:.3%}"]
            for name, one in floors.items()
        ],
    )  # fmt: skip
    mean = next(one.relative for name, one in floors.items() if name.endswith("mean"))
    domain = float(
        np.sqrt(np.mean([f.relative**2 for name, f in floors.items() if not name.endswith("mean")]))
    )
    print(f"noise_floor: {{mean: {mean:.5f}, domain: {domain:.5f}, seeds: {given.seeds}}}")
    print(
        f"bar: at most {DOMAIN_BAR:.1%} over seeds: {'met' if mean <= DOMAIN_BAR else 'missed'} ({mean:.2%})"
    )
    if given.seeds >= 6:
        found = calibration(measures, np.random.default_rng(0))
        print_table(
            f"{found.assays} simulated assays, three seeds against three, of {found.trials} trials of the same data",
            ["planted improvement", "undecided", "decided rightly", "decided wrongly"],
            [[f"{one.shift:.1%}", one.undecided, one.right, one.wrong] for one in found.shifts],
        )
        share = found.shifts[0].undecided / found.assays
        print(
            f"bar: undecided in {CALIBRATION_BAR:.0%} at least: {'met' if share >= CALIBRATION_BAR else 'missed'}"
        )
    save("noise", {"scale": scale.name, "means": means, "floors": {n: vars(f) for n, f in floors.items()}})


def sweep(scale: object, scores: object) -> list[list[object]]:
    """Mean bits per byte by learning rate and warm-up: a cross around the recipe, not a whole grid."""
    training = scale.training  # type: ignore[attr-defined]
    rates = {
        "training.learning_rate": training.learning_rate,
        "training.embedding_learning_rate": training.embedding_learning_rate,
        "training.head_learning_rate": training.head_learning_rate,
    }
    table: list[list[object]] = []
    for times in RATES:
        row: list[object] = [f"{times:g}"]
        for warm_up in WARM_UPS:
            if times != 1 and warm_up != training.warmup:
                row.append("")
                continue
            changes: dict[str, object] = {
                name: one * times for name, one in rates.items() if one and times != 1
            }
            if warm_up != training.warmup:
                changes["training.warmup"] = warm_up
            _, means = scores(2, changes)  # type: ignore[operator]
            print(f"rates x{times:g}, warm-up {warm_up:g}: {means}", flush=True)
            row.append(f"{np.mean(means):.4f}")
        table.append(row)
    return table


if __name__ == "__main__":
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    main()
