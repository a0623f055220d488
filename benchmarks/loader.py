"""How much memory does the token loader hold, and does it grow with the corpus?

    python benchmarks/loader.py [--tokens 1e7 1e8 1e9]

A store of documents of 1 to 1,000 tokens; the order of one pass over all of it, and 500 batches of 64 × 1024 from all
over it. Each size in a process of its own. Memory is what the process allocated at its peak beyond what it
held before; mapped files are not counted, since the system takes them back when it needs to.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from minhash import Peak, allocated
from pool import print_table, save

from cupel.lab.training.order import Order
from cupel.lab.training.tokens import TokenStore

SEQUENCES, CONTEXT, BATCHES = 64, 1024, 500
CHUNK = 1 << 22


def write_store(folder: Path, tokens: int) -> None:
    """Random tokens and lengths, a piece at a time."""
    rng = np.random.default_rng(0)
    documents, place = 0, 0
    with (folder / "tokens.bin").open("wb") as text, (folder / "offsets.bin").open("wb") as offsets:
        offsets.write(np.zeros(1, "<u8").tobytes())
        while place < tokens:
            ends = place + np.cumsum(rng.integers(1, 1001, CHUNK // 500))
            text.write(rng.integers(0, 1 << 16, int(ends[-1]) - place, dtype=np.uint16).tobytes())
            offsets.write(ends.astype("<u8").tobytes())
            documents, place = documents + len(ends), int(ends[-1])
    meta = {"documents": documents, "dtype": "<u2", "tokens": place, "weighed": False}
    (folder / "meta.json").write_text(json.dumps({**meta, "heaviest": 1.0, "weighted_tokens": place}))


def once(tokens: int) -> dict[str, float]:
    """Memory and speed of the loader over so many tokens."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        write_store(folder, tokens)
        before, watch = allocated(), Peak()
        started = time.perf_counter()
        order = Order(TokenStore(folder), folder / "visits.bin", seed=1, length=tokens)
        ordered = time.perf_counter() - started
        steps = tokens // (SEQUENCES * CONTEXT) - 1
        started = time.perf_counter()
        for number in range(BATCHES):
            order.batch(number * 7919 % steps, SEQUENCES, CONTEXT)
        seconds = time.perf_counter() - started
        return {
            "tokens": tokens,
            "memory": watch.stop() - before,
            "ordered": ordered,
            "rate": BATCHES * SEQUENCES * CONTEXT / seconds,
        }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tokens", type=float, nargs="+", default=[1e7, 1e8, 1e9])
    parser.add_argument("--once", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.once:
        print(json.dumps(once(arguments.once)))
        return
    results = []
    for size in arguments.tokens:
        command = [sys.executable, __file__, "--once", str(int(size))]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        results.append(json.loads(done.stdout.splitlines()[-1]))
    print_table(
        "The token loader",
        ["tokens", "memory, MB", "seconds to order", "tokens/s"],
        [
            [f"{row['tokens']:,}", f"{row['memory']:.1f}", f"{row['ordered']:.2f}", f"{row['rate']:,.0f}"]
            for row in results
        ],
        "Bar: memory is constant in the size of the corpus.",
    )
    save("loader", {"sizes": results})


if __name__ == "__main__":
    main()
