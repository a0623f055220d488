"""MinHash: signatures beside datatrove's on the same documents, resolving over the size, recall.

Signatures: process time of one thread; the median of runs. Both sides get texts in memory;
datatrove's stage writes its signatures, as it always does, to a temporary folder.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import xxhash
from pool import print_table, rows, save, texts_of
from stage import Stage

from cupel import _kernels
from cupel.deduplication.minhash import MinHash

WORDS_A_DOCUMENT = 60
BLOCK = 4096


def median_seconds(action: Callable[[], object], runs: int) -> float:
    """The median process time of `runs` runs, after one that does not count."""
    action()
    times = []
    for _ in range(runs):
        started = time.process_time()
        action()
        times.append(time.process_time() - started)
    return statistics.median(times)


def signatures(megabytes: float, runs: int) -> list[dict]:
    """MB/s of one core, ours and datatrove's."""
    import loguru
    from datatrove.data import Document
    from datatrove.pipeline.dedup.minhash import MinhashConfig, MinhashDedupSignature

    texts, size = texts_of(megabytes)
    ours = pa.array(texts, pa.large_string())
    rows = []
    for name, action in (
        ("signatures and bands (sketch)", lambda: MinHash().sketch(ours)),
        ("shingle sets, for verification", lambda: _kernels.shingles(ours)),
        ("normalised hash (exact)", lambda: _kernels.normalized_hash(ours)),
        ("content hash", lambda: _kernels.content_hash([ours])),
    ):
        rows.append({"what": name, "MB/s": size / 1e6 / median_seconds(action, runs)})
    documents = [Document(text=text, id=str(number)) for number, text in enumerate(texts)]
    with tempfile.TemporaryDirectory() as folder:
        loguru.logger.disable("datatrove")
        stage = MinhashDedupSignature(output_folder=folder, config=MinhashConfig())
        # datatrove 0.10 hands text to xxhash, which takes only bytes from version 4 on.
        stage._hash_func = lambda shingle: xxhash.xxh64_intdigest(shingle.encode())

        def peer() -> None:
            for _ in stage.run(iter(documents)) or ():
                pass

        seconds = median_seconds(peer, max(1, min(runs, 3)))
    rows.append({"what": "datatrove's signature stage", "MB/s": size / 1e6 / seconds})
    rows.append({"what": "sketch ÷ datatrove", "MB/s": rows[0]["MB/s"] / rows[-1]["MB/s"]})
    return rows


def synthetic(count: int) -> Iterator[pa.RecordBatch]:
    """Short documents; every fifth is the one before with up to six words changed."""
    rng = np.random.default_rng(1)
    vocabulary = np.array(
        ["".join(letters) for letters in itertools.product("bdklmnrst", "aeiou", "dlmnrst", "aeiou", "ns")]
    )
    for first in range(0, count, BLOCK):
        size = min(BLOCK, count - first)
        ids = rng.integers(0, len(vocabulary), (size, WORDS_A_DOCUMENT))
        copies = np.arange(4, size, 5)
        ids[copies] = ids[copies - 1]
        changed = rng.integers(0, 7, len(copies))
        for copy, changes in zip(copies, changed, strict=True):
            ids[copy, rng.integers(0, WORDS_A_DOCUMENT, changes)] = rng.integers(0, len(vocabulary), changes)
        text = pa.array([" ".join(row) for row in vocabulary[ids]], pa.large_string())
        yield pa.record_batch({"doc": pa.array(np.arange(first, first + size)), "text": text})


def resolve_once(count: int) -> dict:
    """Time and memory of resolving `count` synthetic documents that lie in files."""
    import resource

    method = MinHash()
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        stage = Stage(method, synthetic(count), Path(folder))
        sketching = time.perf_counter() - started
        before = allocated()
        watch = Peak()
        started = time.perf_counter()
        clusters = method.decide(stage, stage.resources(threads=len(os.sched_getaffinity(0))))
        seconds = time.perf_counter() - started
        peak = watch.stop()
        resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    return {
        "documents": count,
        "text MB": stage.text_bytes / 1e6,
        "generate and sketch s": sketching,
        "resolve s": seconds,
        "resolve MB/s": stage.text_bytes / 1e6 / seconds,
        "MB allocated before": before,
        "peak MB allocated": peak,
        "peak MB resident, mapped files too": resident,
        "duplicates": clusters.members.num_rows - int(clusters.members["kept"].to_numpy().sum()),
    }


class Peak:
    """The most that this process has allocated, looked at fifty times a second."""

    def __init__(self) -> None:
        self.most = 0.0
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._look, daemon=True)
        self.thread.start()

    def _look(self) -> None:
        while not self.over.wait(0.02):
            self.most = max(self.most, allocated())

    def stop(self) -> float:
        self.over.set()
        self.thread.join()
        return self.most


def allocated() -> float:
    """MB of memory that is no file's."""
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"RssAnon:\s+(\d+)", status).group(1)) / 1e3


def resolving(sizes: list[int]) -> list[dict]:
    """`resolve_once` at each size, each in a process of its own."""
    rows = []
    for size in sizes:
        command = [sys.executable, __file__, "--resolve-once", str(size)]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        row = json.loads(done.stdout.splitlines()[-1])
        row["bytes for each document more"] = ""
        if rows:
            more = row["peak MB allocated"] - rows[-1]["peak MB allocated"]
            row["bytes for each document more"] = more * 1e6 / (size - rows[-1]["documents"])
        rows.append(row)
    return rows


def recall(count: int) -> list[dict]:
    """Of the real pool's pairs at or above the threshold, of how many not both stay."""
    texts = pa.array([row["text"] for row in itertools.islice(rows(), count)], pa.large_string())
    batch = pa.record_batch({"doc": pa.array(np.arange(len(texts))), "text": texts})
    method = MinHash()
    with tempfile.TemporaryDirectory() as folder:
        stage = Stage(method, [batch], Path(folder))
        clusters = method.decide(stage, stage.resources()).members
    removed = set(clusters.filter(pc.invert(clusters["kept"]))["doc"].to_pylist())
    bands = []
    similar = _similar_pairs(_kernels.shingles(texts))
    for low, high in (
        (0.5, 0.75),
        (0.75, 0.8),
        (0.8, 0.85),
        (0.85, 0.9),
        (0.9, 0.95),
        (0.95, 1.01),
        (0.75, 1.01),
    ):
        pairs = [pair for pair, similarity in similar.items() if low <= similarity < high]
        share = sum(a in removed or b in removed for a, b in pairs) / len(pairs) if pairs else float("nan")
        bands.append({"similarity": f"{low:g}-{min(high, 1):g}", "pairs": len(pairs), "not both stay": share})
    return bands


def _similar_pairs(shingles: pa.LargeListArray) -> dict[tuple[int, int], float]:
    """Every pair that shares a shingle, with its Jaccard similarity, by an inverted index."""
    sizes = np.diff(shingles.offsets.to_numpy())
    docs = np.repeat(np.arange(len(sizes)), sizes)
    values = shingles.values.to_numpy()
    order = np.argsort(values, kind="stable")
    values, docs = values[order], docs[order]
    shared: Counter[tuple[int, int]] = Counter()
    for group in np.split(docs, np.flatnonzero(np.diff(values)) + 1):
        if len(group) > 1:
            shared.update(itertools.combinations(group.tolist(), 2))
    return {pair: n / (sizes[pair[0]] + sizes[pair[1]] - n) for pair, n in shared.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=float, default=10)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--sizes", type=int, nargs="+", default=[300_000, 1_000_000, 3_000_000])
    parser.add_argument("--recall-documents", type=int, default=5_000)
    parser.add_argument("--resolve-once", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.resolve_once:
        print(json.dumps(resolve_once(arguments.resolve_once)))
        return
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    tables = {
        "minhash-signatures": signatures(arguments.megabytes, arguments.runs),
        "minhash-resolve": resolving(arguments.sizes),
        "minhash-recall": recall(arguments.recall_documents),
    }
    for name, table in tables.items():
        head = list(table[0])
        print_table(name.replace("-", " "), head, [list(row.values()) for row in table])
    save("minhash", tables)


if __name__ == "__main__":
    main()
