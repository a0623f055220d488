"""Exact copies of documents, lines and passages, Bloom filter, SimHash, soft deduplication: speed and growth.

    python benchmarks/repeats.py [--megabytes 10 20 40 80]

Each method at each size runs in a process of its own, on one thread, after a warm-up that does not
count: sketching the texts, then resolving them from files, as a run does. MB/s are of text over
processor time of both. Memory is what the process allocated at its peak beyond what it held
before. Growth is the exponent of seconds over size, fitted on four sizes: 1 is linear. The largest size is measured
three times, all kinds in turn, and the middle counts: the speed of a shared machine changes by the minute.

`pydivsufsort` builds a suffix array of the same bytes and is given nothing else to do.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
from minhash import Peak, allocated
from pool import print_table, rows, save
from stage import Stage

from cupel.contract import Dedup, find_method

KINDS: dict[str, tuple[str, dict[str, object], float]] = {
    "exact": ("exact", {}, 200),
    "lines": ("lines", {}, 200),
    "paragraphs": ("lines", {"unit": "paragraph"}, 200),
    "sentences": ("sentences", {"normalize": True}, 0),
    "substring, 200 bytes": ("substring", {}, 5),
    "bloom": ("bloom", {}, 50),
    "minhash": ("minhash", {}, 20),
    "simhash": ("simhash", {}, 0),
    "softdedup": ("softdedup", {}, 0),
}
WARM_UP_MB = 1.0
BATCH = 2048
ROUNDS = 3


def batches(megabytes: float) -> Iterator[pa.RecordBatch]:
    """Documents of the pool with about so much text; where it is used up, it begins again with other words."""
    size, doc, round_ = 0, 0, 0
    texts: list[str] = []
    while size < megabytes * 1e6:
        for row in rows():
            text = row["text"]
            if round_:
                words = text.split(" ")
                words[::7] = [f"{word}{round_}" for word in words[::7]]
                text = " ".join(words)
            texts.append(text)
            size += len(text.encode())
            if len(texts) == BATCH or size >= megabytes * 1e6:
                yield _batch(texts, doc)
                doc, texts = doc + len(texts), []
            if size >= megabytes * 1e6:
                return
        round_ += 1


def _batch(texts: list[str], first: int) -> pa.RecordBatch:
    docs = np.arange(first, first + len(texts))
    return pa.record_batch({"doc": pa.array(docs), "text": pa.array(texts, pa.large_string())})


def once(kind: str, megabytes: float) -> dict:
    """Seconds of processor time and memory of one method on so much text."""
    name, options, _ = KINDS[kind]
    method = find_method(name, Dedup).from_options(options)
    with tempfile.TemporaryDirectory() as folder:
        work(method, list(batches(WARM_UP_MB)), Path(folder))
    documents = list(batches(megabytes))
    with tempfile.TemporaryDirectory() as folder:
        return work(method, documents, Path(folder))


def work(method: object, documents: list[pa.RecordBatch], folder: Path) -> dict:
    started = time.process_time()
    for batch in documents:
        method.sketch(batch.column("text"))
    sketching = time.process_time() - started
    stage = Stage(method, documents, folder)
    before, watch = allocated(), Peak()
    started = time.process_time()
    clusters = method.decide(stage, stage.resources())
    resolving = time.process_time() - started
    return {
        "MB": stage.text_bytes / 1e6,
        "documents": stage.documents,
        "sketch": sketching,
        "resolve": resolving,
        "bytes a byte": (watch.stop() - before) * 1e6 / stage.text_bytes,
        "rows": clusters.members.num_rows,
    }


def divsufsort(megabytes: float) -> dict:
    """The same bytes through libdivsufsort."""
    import pydivsufsort

    text = "\0".join(
        document for batch in batches(megabytes) for document in batch.column("text").to_pylist()
    )
    data = np.frombuffer(text.encode(), dtype=np.uint8).copy()
    before, watch = allocated(), Peak()
    started = time.process_time()
    pydivsufsort.divsufsort(data)
    seconds = time.process_time() - started
    return {
        "MB": len(data) / 1e6,
        "sketch": 0.0,
        "resolve": seconds,
        "bytes a byte": (watch.stop() - before) * 1e6 / len(data),
    }


def measured(kind: str, megabytes: float) -> dict:
    """`once` in a process of its own."""
    command = [sys.executable, __file__, "--kind", kind, "--megabytes", str(megabytes)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    result: dict = json.loads(done.stdout.splitlines()[-1])
    return result


def seconds_of(run: dict) -> float:
    """Processor time of one run, sketched and resolved."""
    seconds: float = run["sketch"] + run["resolve"]
    return seconds


def exponent(sizes: list[float], seconds: list[float]) -> float:
    """The slope of log seconds over log size."""
    return float(np.polyfit(np.log(sizes), np.log(seconds), 1)[0])


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--megabytes", type=float, nargs="+", default=[10, 20, 40, 80])
    parser.add_argument("--kind", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    if arguments.kind:
        run = divsufsort if arguments.kind == "pydivsufsort" else lambda size: once(arguments.kind, size)
        print(json.dumps(run(arguments.megabytes[0])))
        return
    kinds = [*KINDS, "pydivsufsort"]
    smaller = {kind: [measured(kind, size) for size in arguments.megabytes[:-1]] for kind in kinds}
    largest = [{kind: measured(kind, arguments.megabytes[-1]) for kind in kinds} for _ in range(ROUNDS)]
    body, kept = [], {}
    for kind in kinds:
        runs = [*smaller[kind], sorted((results[kind] for results in largest), key=seconds_of)[ROUNDS // 2]]
        kept[kind] = runs
        seconds = [seconds_of(run) for run in runs]
        sizes = [run["MB"] for run in runs]
        last = runs[-1]
        bar = KINDS[kind][2] if kind in KINDS else 0
        rate = sizes[-1] / seconds[-1]
        body.append(
            [
                kind,
                sizes[-1],
                rate,
                sizes[-1] / last["sketch"] if last["sketch"] else "",
                sizes[-1] / last["resolve"],
                last["bytes a byte"],
                exponent(sizes, seconds) if len(sizes) > 1 else "",
                f"{bar} ({'met' if rate >= bar else 'NOT met'})" if bar else "",
            ]
        )
    head = [
        "what",
        "MB",
        "MB/s",
        "sketch MB/s",
        "resolve MB/s",
        "memory, bytes a byte",
        "growth",
        "bar, MB/s",
    ]
    print_table("Repetition of every kind, one core", head, body)
    save("repeats", kept)


if __name__ == "__main__":
    main()
