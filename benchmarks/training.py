"""How many tokens a second does the lab train on, beside the Trainer of transformers?

    python benchmarks/training.py [--scale nano] [--steps 40] [--repeats 3]

The same Llama, batch, precision and AdamW on random tokens, on as many processes as there are cores with
one thread each, all at once: as `cupel assay` trains. The peer is also measured with torch.compile, and
as it comes (one process, all threads). Median over steps after the first ten, start-up and compilation left out;
the rows of one repeat are measured one after the other, and the middle repeat counts. The share of the machine is
that of the rate of a 2048 × 1024 × 1024 float32 matrix product on one thread of each core.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from pool import print_table, save

TARGET_RATIO = 1.3
WARM_UP = 10


def ours(scale: Any, steps: int, folder: Path) -> list[float]:
    """Seconds of each step of the lab's trainer."""
    import numpy as np
    import pyarrow as pa

    from cupel.lab.lab import Lab
    from cupel.lab.training.records import Records
    from cupel.lab.trials import make_job

    times: list[float] = []
    add = Records.add

    def timed(self: Records, *given: Any) -> None:
        add(self, *given)
        times.append(time.perf_counter())

    Records.add = timed  # type: ignore[method-assign]
    from cupel.lab.training import trainer

    trainer._LOOK_STEPS = 1
    draw = np.random.default_rng(0)
    texts = [" ".join(f"w{n}" for n in draw.integers(0, 5000, 300)) for _ in range(2000)]
    small = scale.changed({"tokens": steps * scale.training.sequences * scale.model.context})
    lab = Lab.make(texts, scale=small, cache=folder, device="cpu", workers=1)
    store = lab.tokens(pa.table({"text": texts}), "random")
    job = make_job(store, lab.tokenizer, small, 0, folder, lab.on, name="bench")
    trainer.Trainer().train(job)
    return [b - a for a, b in itertools.pairwise(times)]


def theirs(scale: Any, steps: int, folder: Path, compiled: bool) -> list[float]:
    """Seconds of each step of transformers' Trainer."""
    import torch
    from transformers import Trainer, TrainerCallback, TrainingArguments

    from cupel.lab.training.job import TrainJob
    from cupel.lab.training.model import build_model, initialise

    vocabulary, context, rows = scale.tokenizer.vocabulary, scale.model.context, scale.training.sequences
    job = TrainJob(
        "", "", "", scale.shape, vocabulary, vocabulary - 1, 0, steps, rows, scale.training.learning_rate
    )
    model = build_model(job)
    initialise(model, 0)
    generator = torch.Generator().manual_seed(0)
    data = [
        {
            "input_ids": (tokens := torch.randint(0, vocabulary, (context,), generator=generator)),
            "labels": tokens,
        }
        for _ in range(steps * rows)
    ]
    times: list[float] = []

    class Clock(TrainerCallback):
        def on_step_end(self, *given: Any, **named: Any) -> None:
            times.append(time.perf_counter())

    arguments = TrainingArguments(
        output_dir=str(folder / "trainer"),
        per_device_train_batch_size=rows,
        max_steps=steps,
        learning_rate=scale.training.learning_rate,
        optim="adamw_torch_fused",
        logging_strategy="no",
        save_strategy="no",
        report_to=[],
        use_cpu=True,
        disable_tqdm=True,
        torch_compile=compiled,
    )
    Trainer(model=model, args=arguments, train_dataset=data, callbacks=[Clock()]).train()
    return [b - a for a, b in itertools.pairwise(times)]


def matrix_rate() -> float:
    """float32 operations a second of one thread, the best of ten products."""
    import torch

    torch.set_num_threads(1)
    a, b = torch.randn(2048, 1024), torch.randn(1024, 1024)
    best = float("inf")
    for _ in range(10):
        started = time.perf_counter()
        a @ b
        best = min(best, time.perf_counter() - started)
    return 2 * 2048 * 1024 * 1024 / best


def child(what: str, scale_name: str, steps: int) -> None:
    from cupel.lab.scale import Scale

    scale = Scale.load(scale_name, {"training.precision": "float32"})
    with tempfile.TemporaryDirectory() as folder:
        if what == "matrix":
            print(json.dumps(matrix_rate()))
        elif what == "ours":
            print(json.dumps(statistics.median(ours(scale, steps, Path(folder))[WARM_UP:])))
        else:
            print(
                json.dumps(
                    statistics.median(theirs(scale, steps, Path(folder), "compiled" in what)[WARM_UP:])
                )
            )


def measure(what: str, scale: str, steps: int, processes: int, threads: int) -> list[float]:
    """What each of several processes, all at once, says."""
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": str(threads),
        "HF_HUB_OFFLINE": "1",
        "TOKENIZERS_PARALLELISM": "false",
    }
    command = [sys.executable, __file__, "--child", what, "--scale", scale, "--steps", str(steps)]
    running = [
        subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment
        )
        for _ in range(processes)
    ]
    said = [one.communicate()[0] for one in running]
    if any(one.returncode for one in running):
        raise SystemExit(f"{what} failed; run: {' '.join(command)}")
    return [float(json.loads(one.strip().splitlines()[-1])) for one in said]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", default="nano")
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--child", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        child(given.child, given.scale, given.steps)
        return
    from cupel.lab.scale import Scale

    scale = Scale.load(given.scale)
    cores = len(os.sched_getaffinity(0))
    tokens = scale.training.sequences * scale.model.context
    rows = [
        ("cupel lab", "ours", cores, 1),
        ("transformers Trainer, one thread each", "trainer", cores, 1),
        ("transformers Trainer, compiled, one thread each", "trainer-compiled", cores, 1),
        ("transformers Trainer, one process", "trainer", 1, cores),
    ]
    speeds: dict[str, list[float]] = {name: [] for name, *_ in rows}
    rates = []
    for _ in range(given.repeats):
        rates.append(sum(measure("matrix", given.scale, given.steps, cores, 1)))
        for name, what, processes, threads in rows:
            seconds = measure(what, given.scale, given.steps, processes, threads)
            speeds[name].append(sum(tokens / one for one in seconds))
    flops = scale.shape.flops_per_token(scale.tokenizer.vocabulary)
    rate = statistics.median(rates)
    middle = {name: statistics.median(found) for name, found in speeds.items()}
    base = middle["cupel lab"]
    table: list[list[object]] = [
        [name, f"{speed:,.0f}", speed * flops / 1e9, f"{speed * flops / rate:.0%}", base / speed]
        for name, speed in middle.items()
    ]
    print_table(
        f"Training at scale {given.scale}, {cores} cores, matrix products {rate / 1e9:.0f} GFLOP/s",
        ["trainer", "tokens/s", "GFLOP/s", "of the matrix rate", "cupel is faster by"],
        table,
    )
    ratio = base / middle["transformers Trainer, one thread each"]
    print(f"bar {TARGET_RATIO}: {'met' if ratio >= TARGET_RATIO else 'missed'} ({ratio:.2f})")
    save("training", {"speeds": speeds, "matrix": rates, "scale": given.scale})


if __name__ == "__main__":
    main()
