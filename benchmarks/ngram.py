"""How fast are n-gram models trained, saved, loaded and asked, and how large are they?

    python benchmarks/ngram.py [--megabytes N ...] [--order N] [--peer-words N]

Training, saving, loading and scoring of `cupel.models.ngram` over sizes of the pool, one thread, the texts that are
scored not among those trained on. Beside it KenLM's query (the package kenlm-ex) on one model: a Kneser-Ney model
by its definition, counted in plain Python and written as an ARPA file, so it is small. KenLM trains by `lmplz`,
which no package brings. It is given text that is split into words already; ours does that as well.
Seconds are those of the processor, so that what else runs on the machine counts less. The bar is 10 MB of text scored per
second and core.
"""

from __future__ import annotations

import argparse
import math
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
import pyarrow as pa
from pool import ROOT, print_table, texts_of

from cupel import _kernels
from cupel.models.ngram import FILE, Ngram

sys.path.insert(0, str(ROOT))
from tests.models.kneser_ney import KneserNey

T = TypeVar("T")
BATCH = 256
SCORED_MEGABYTES = 10
BAR = 10
"""MB/s scored per core."""


def timed(work: Callable[[], T]) -> tuple[T, float]:
    start = time.process_time()
    result = work()
    return result, time.process_time() - start


def sizes(megabytes: list[float], order: int) -> None:
    texts, _ = texts_of(max(megabytes) + SCORED_MEGABYTES)
    asked, read = [], 0
    while read < SCORED_MEGABYTES * 1e6 and len(texts) > 1:
        asked.append(texts.pop())
        read += len(asked[-1].encode())
    column = pa.array(asked, pa.large_string())
    rows = []
    speeds: list[float] = []
    for wanted in sorted(megabytes):
        trained, size = [], 0
        for text in texts:
            if size >= wanted * 1e6:
                break
            trained.append(text)
            size += len(text.encode())
        batches = [
            pa.array(trained[start : start + BATCH], pa.large_string())
            for start in range(0, len(trained), BATCH)
        ]
        model, training = timed(partial(Ngram.fit, batches, order))
        with tempfile.TemporaryDirectory() as folder:
            _, saving = timed(partial(model.save, folder))
            file_bytes = (Path(folder) / FILE).stat().st_size
            loaded, loading = timed(partial(Ngram.load, folder))
            loaded.log_probs(column.slice(0, 1))  # discounts
            answers, scoring = timed(partial(loaded.log_probs, column))
        bits = -float(np.nansum(answers.nats)) / math.log(2) / read
        speeds.append(read / 1e6 / scoring)
        rows.append(
            [
                f"{size / 1e6:,.0f}",
                model.entries / 1e6,
                model.memory_bytes / size,
                size / 1e6 / training,
                file_bytes / 1e6 / saving,
                file_bytes / 1e6 / loading,
                speeds[-1],
                bits,
            ]
        )
    head = ["MB of text", "million n-grams", "bytes of memory per byte", "MB/s trained", "MB/s saved"]
    head += ["MB/s loaded", "MB/s scored", "bits per byte"]
    slowest = min(speeds)
    note = (
        "MB/s saved and loaded are those of the file; the others are those of text. Scored at no less than "
        f"{slowest:.1f} MB/s: {'at' if slowest >= BAR else 'below'} the bar of {BAR}."
    )
    print_table(f"Order {order}, one thread, {read / 1e6:.0f} MB scored", head, rows, note)


def beside_kenlm(words: int, order: int) -> None:
    try:
        import kenlm
    except ImportError:
        print("\nKenLM's query: not compared, the package kenlm-ex is not installed")
        return
    texts, _ = texts_of(words / 1e5)
    # Words that both cut alike: letters and digits between spaces.
    cut = [[word for word in text.lower().split() if word.isascii() and word.isalnum()] for text in texts]
    half = len(cut) // 2
    trained, asked = cut[:half], [text for text in cut[half:] if text]
    lines = [" ".join(text) for text in asked]
    size = sum(map(len, lines))
    ours = Ngram.fit([pa.array([" ".join(text) for text in trained], pa.large_string())], order)
    with tempfile.TemporaryDirectory() as folder:
        arpa = Path(folder) / "model.arpa"
        with arpa.open("w") as file:
            file.writelines(f"{line}\n" for line in KneserNey(trained, order).arpa())
        peer, opening = timed(lambda: kenlm.Model(str(arpa)))
        ours.save(folder)
        ours, loading = timed(lambda: Ngram.load(folder))
        sizes_on_disk = [arpa.stat().st_size, (Path(folder) / FILE).stat().st_size]
    column = pa.array(lines, pa.large_string())
    ours.log_probs(column.slice(0, 1))
    answers, scoring = timed(lambda: ours.log_probs(column))
    scores, asking = timed(lambda: [peer.score(line, bos=True, eos=False) for line in lines])
    apart = max(
        abs(log_prob / math.log(10) - score) / count
        for log_prob, score, count in zip(answers.nats, scores, answers.tokens, strict=True)
    )
    print_table(
        f"KenLM's query: order {order}, {ours.entries:,} n-grams, {size / 1e6:.1f} MB scored",
        ["", "MB of the file", "seconds to load", "MB/s scored"],
        [
            ["Cupel", sizes_on_disk[1] / 1e6, loading, size / 1e6 / scoring],
            ["KenLM, ARPA", sizes_on_disk[0] / 1e6, opening, size / 1e6 / asking],
        ],
        f"Largest difference of a text: {apart:.2g} (log10 per word).",
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=float, nargs="+", default=[10, 30, 100])
    parser.add_argument("--order", type=int, default=4)
    parser.add_argument("--peer-words", type=int, default=1_000_000)
    arguments = parser.parse_args()
    print(f"kernels {_kernels.__version__}")
    sizes(arguments.megabytes, arguments.order)
    beside_kenlm(arguments.peer_words, arguments.order)


if __name__ == "__main__":
    main()
