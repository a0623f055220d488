"""How many tokens a second does the lab train on, beside the Trainer of transformers?

    python benchmarks/training.py [--scale nano] [--steps 40] [--repeats 3] [--device cpu]

The same Llama, batch, precision and AdamW on random tokens, on as many processes as there are cores with
one thread each, all at once: as `cupel assay` trains. The peer is also measured with torch.compile, and
as it comes (one process, all threads). Median over steps after the first ten, start-up and compilation left out;
the rows of one repeat are measured one after the other, and the middle repeat counts. The share of the machine is
that of the rate of a 2048 × 1024 × 1024 float32 matrix product on one thread of each core.

On a GPU (`--device cuda --scale small`) it is one process of each, in bfloat16, with the scale's micro-batches, and
the rate that of an 8192³ bfloat16 product. Model FLOPs utilisation (Chowdhery et al., "PaLM", appendix B) is of the
rate in the data sheet, attention counted whole, as in published figures.
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
from dataclasses import replace
from pathlib import Path
from typing import Any

from pool import print_table, save

TARGET_RATIO, TARGET_MFU = 1.3, 0.45
WARM_UP = 10
SHEETS = {"H100": 989e12, "H200": 989e12, "A100": 312e12}
"""Dense bfloat16 operations a second by the data sheet (SXM)."""
PUBLISHED = ("nanochat d20 (561M) on 8 H100, as published", 0.48)
"""Of the log in Karpathy, "Introducing nanochat" (2025): 47 to 49 %."""


def ours(scale: Any, steps: int, folder: Path, device: str) -> list[float]:
    """Seconds of a step of the lab's trainer, after the first."""
    import numpy as np
    import pyarrow as pa

    from cupel.lab.lab import Lab
    from cupel.lab.training.records import Records
    from cupel.lab.trials import make_job

    times: list[float] = []
    add = Records.add

    def timed(self: Records, *arguments: Any) -> None:
        add(self, *arguments)
        times.append(time.perf_counter())

    Records.add = timed  # type: ignore[method-assign]
    from cupel.lab.training import trainer

    if device == "cpu":
        trainer._LOOK_STEPS = 1
    draw = np.random.default_rng(0)
    texts = [" ".join(f"w{n}" for n in draw.integers(0, 5000, 300)) for _ in range(2000)]
    small = scale.changed({"tokens": steps * scale.training.sequences * scale.model.context})
    lab = Lab.make(texts, scale=small, cache=folder, device=device, workers=1)
    store = lab.tokens(pa.table({"text": texts}), "random")
    job = make_job(store, lab.tokenizer, small, 0, lab.cache, lab.on, name="bench")
    # So few words do not fill a large vocabulary.
    job = replace(job, vocabulary=scale.tokenizer.vocabulary)
    trainer.Trainer().train(job)
    # On a GPU losses are looked at, and so waited for, every so many steps.
    every = trainer._LOOK_STEPS
    looked = times[::every]
    return [(b - a) / every for a, b in itertools.pairwise(looked)][-(-WARM_UP // every) :]


def theirs(scale: Any, steps: int, folder: Path, device: str, compiled: bool) -> list[float]:
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
        def on_step_end(self, *arguments: Any, **named: Any) -> None:
            if device == "cuda":
                torch.cuda.synchronize()
            times.append(time.perf_counter())

    at_once = scale.training.micro_sequences or rows
    arguments = TrainingArguments(
        output_dir=str(folder / "trainer"),
        per_device_train_batch_size=at_once,
        gradient_accumulation_steps=rows // at_once,
        max_steps=steps,
        learning_rate=scale.training.learning_rate,
        optim="adamw_torch_fused",
        logging_strategy="no",
        save_strategy="no",
        report_to=[],
        use_cpu=device == "cpu",
        bf16=device == "cuda",
        disable_tqdm=True,
        torch_compile=compiled,
    )
    Trainer(model=model, args=arguments, train_dataset=data, callbacks=[Clock()]).train()
    return [b - a for a, b in itertools.pairwise(times)]


def matrix_rate(device: str) -> float:
    """Operations a second: float32 on one thread, or bfloat16 on a GPU; the best of ten products."""
    import torch

    torch.set_num_threads(1)
    rows, inner, kind = (8192, 8192, torch.bfloat16) if device == "cuda" else (2048, 1024, torch.float32)
    a, b = (torch.randn(size, inner, device=device, dtype=kind) for size in (rows, inner))
    best = float("inf")
    for _ in range(10):
        started = time.perf_counter()
        a @ b
        if device == "cuda":
            torch.cuda.synchronize()
        best = min(best, time.perf_counter() - started)
    return 2 * rows * inner * inner / best


def child(what: str, scale_name: str, steps: int, device: str) -> None:
    from cupel.lab.scale import Scale

    scale = Scale.load(scale_name, {} if device == "cuda" else {"training.precision": "float32"})
    with tempfile.TemporaryDirectory() as folder:
        if what == "matrix":
            print(json.dumps(matrix_rate(device)))
            return
        times = (
            ours(scale, steps, Path(folder), device)
            if what == "ours"
            else theirs(scale, steps, Path(folder), device, "compiled" in what)[WARM_UP:]
        )
        print(json.dumps(statistics.median(times)))


def measure(what: str, scale: str, steps: int, device: str, processes: int, threads: int) -> list[float]:
    """What each of several processes, all at once, says."""
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": str(threads),
        "HF_HUB_OFFLINE": "1",
        "TOKENIZERS_PARALLELISM": "false",
    }
    command = [sys.executable, __file__, "--child", what, "--scale", scale, "--steps", str(steps)]
    command += ["--device", device]
    running = [
        subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment
        )
        for _ in range(processes)
    ]
    said = [process.communicate()[0] for process in running]
    if any(process.returncode for process in running):
        raise SystemExit(f"{what} failed; run: {' '.join(command)}")
    return [float(json.loads(output.strip().splitlines()[-1])) for output in said]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", default="nano")
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        child(arguments.child, arguments.scale, arguments.steps, arguments.device)
        return
    from cupel.lab.scale import Scale

    scale = Scale.load(arguments.scale)
    cores = len(os.sched_getaffinity(0)) if arguments.device == "cpu" else 1
    tokens = scale.training.sequences * scale.model.context
    alike = "" if arguments.device == "cuda" else ", one thread each"
    plain, compiled = f"transformers Trainer{alike}", f"transformers Trainer, compiled{alike}"
    rows = [
        ("cupel lab", "ours", cores, 1),
        (plain, "trainer", cores, 1),
        (compiled, "trainer-compiled", cores, 1),
    ]
    if arguments.device == "cpu":
        rows.append(("transformers Trainer, one process", "trainer", 1, cores))
    speeds: dict[str, list[float]] = {name: [] for name, *_ in rows}
    rates = []
    for _ in range(arguments.repeats):
        rates.append(sum(measure("matrix", arguments.scale, arguments.steps, arguments.device, cores, 1)))
        for name, what, processes, threads in rows:
            seconds = measure(what, arguments.scale, arguments.steps, arguments.device, processes, threads)
            speeds[name].append(sum(tokens / elapsed for elapsed in seconds))
    flops = scale.shape.flops_per_token(scale.tokenizer.vocabulary)
    rate = statistics.median(rates)
    middle = {name: statistics.median(values) for name, values in speeds.items()}
    base = middle["cupel lab"]
    table: list[list[object]] = [
        [name, f"{speed:,.0f}", speed * flops / 1e9, f"{speed * flops / rate:.0%}", base / speed]
        for name, speed in middle.items()
    ]
    where = f"{cores} cores" if arguments.device == "cpu" else device_name()
    print_table(
        f"Training at scale {arguments.scale}, {where}, matrix products {rate / 1e9:.0f} GFLOP/s",
        ["trainer", "tokens/s", "GFLOP/s", "of the matrix rate", "cupel is faster by"],
        table,
    )
    ratio = base / middle[plain]
    print(f"bar {TARGET_RATIO}: {'met' if ratio >= TARGET_RATIO else 'missed'} ({ratio:.2f})")
    if arguments.device == "cuda":
        utilisation(scale, base, where)
    save("training", {"speeds": speeds, "matrix": rates, "scale": arguments.scale, "device": where})


def device_name() -> str:
    import torch

    return torch.cuda.get_device_name()


def utilisation(scale: Any, speed: float, device: str) -> None:
    """Model FLOPs utilisation, beside what others publish."""
    sheet = next((rate for name, rate in SHEETS.items() if name in device), None)
    if sheet is None:
        print(f"no data sheet of {device} is known here: no utilisation")
        return
    causal = scale.shape.flops_per_token(scale.tokenizer.vocabulary)
    whole = causal + 6.0 * scale.model.layers * scale.model.hidden_size * scale.model.context
    utilization = speed * whole / sheet
    print_table(
        f"Model FLOPs utilisation, of {sheet / 1e12:.0f} TFLOP/s",
        ["trainer", "attention counted whole", "causal attention"],
        [
            ["cupel lab", f"{utilization:.1%}", f"{speed * causal / sheet:.1%}"],
            [PUBLISHED[0], f"{PUBLISHED[1]:.0%}", ""],
        ],
    )
    print(f"bar {TARGET_MFU:.0%}: {'met' if utilization >= TARGET_MFU else 'missed'} ({utilization:.1%})")


if __name__ == "__main__":
    main()
