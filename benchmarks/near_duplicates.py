"""Near duplicates: whom MinHash and SimHash find, beside text-dedup and datatrove, and how fast, whole runs.

    python benchmarks/near_duplicates.py [--megabytes 120] [--runs-only]

1. 2,500 news articles with 20 known pairs, by several authors' tools at the same parameters.
2. Pairs of real texts with words changed, at graded true similarity: recall beside the S-curve.
3. Whole runs from JSONL to a deduplicated corpus, start-up counted, on all cores; the pool is one file a core,
   since datatrove gives each file to one process.

text-dedup asks for other versions of what it stands on than the rest here; it gets an environment of its
own in `.peers/`, made on first use.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import zstandard
from pool import ROOT, print_table, rows, save, shared, write_jsonl_zst
from stage import Stage

from cupel import _kernels
from cupel.contract import Dedup, find_method
from cupel.deduplication.near.curve import candidate_probability

PEER = ROOT / ".peers" / "text-dedup"
PEER_NEEDS = (
    *("datasets", "bitarray", "click<9", "click-option-group", "regex", "xxhash", "scipy", "tqdm", "rich"),
    *("ftfy", "psutil", "pybloom-live", "setuptools<80", "fire"),
)
SIMILARITIES = (0.5, 0.7, 0.8, 0.9)
PAIRS = 6_000
WORDS = 100
LARGE_MB = 600
CUPEL = str(Path(sys.executable).with_name("cupel"))
CORES = len(os.sched_getaffinity(0))


def text_dedup() -> str | None:
    """The Python of text-dedup's environment; None where it cannot be had."""
    python = PEER / "bin" / "python"
    if not python.exists():
        uv = str(Path(sys.executable).with_name("uv"))
        for command in (
            [uv, "venv", "-q", str(PEER), "--python", sys.executable],
            [uv, "pip", "install", "-q", "--python", str(python), "--no-deps", "text-dedup==0.4.0"],
            [uv, "pip", "install", "-q", "--python", str(python), *PEER_NEEDS],
        ):
            if subprocess.run(command).returncode:
                return None
    return str(python)


def run(command: list[str]) -> float:
    """Wall seconds of a command."""
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # else every start compiles what it imports
    started = time.perf_counter()
    done = subprocess.run(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    if done.returncode:
        sys.exit(f"{' '.join(command)}:\n{done.stdout[-3000:]}")
    return time.perf_counter() - started


def write_rows(path: Path, rows: Iterable[dict]) -> None:
    with path.open("w") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)


# --- whole runs: seconds, and the ids that stay


def by_cupel(pool: Path, folder: Path, kind: str) -> tuple[float, set[str]]:
    output = folder / f"cupel-{kind}-{pool.stem}"
    seconds = run([CUPEL, "dedup", str(pool), "--output", str(output), "--by", kind])
    return seconds, {document for path in (output / "data").glob("*.parquet") for document in ids(path)}


def ids(path: Path) -> list[str]:
    column: list[str] = pq.read_table(path, columns=["id"])["id"].to_pylist()
    return column


def by_text_dedup(python: str, pool: Path, folder: Path, kind: str) -> tuple[float, set[str]]:
    """A file, or a folder of them."""
    output = folder / f"text-dedup-{kind}-{pool.stem}"
    shape = {
        "minhash": "ngram=5 num_perm=112 b=14 r=8 min_length=1 hash_func=xxh3",
        "simhash": "ngram=3 f=64 bit_diff=3 num_bucket=4",
    }[kind].split()
    command = [
        python,
        "-m",
        f"text_dedup.{kind}",
        "--path",
        "json",
        "--data_files",
        str(pool / "*.jsonl" if pool.is_dir() else pool),
        "--split",
        "train",
    ]
    command += ["--column", "text", "--output", str(output), "--num_proc", str(CORES), "--batch_size", "1000"]
    seconds = run([*command, "--cache_dir", str(folder / "cache"), *(f"--{option}" for option in shape)])
    read = "import datasets, json, sys; print(json.dumps(list(datasets.load_from_disk(sys.argv[1])['id'])))"
    done = subprocess.run([python, "-c", read, str(output)], stdout=subprocess.PIPE, text=True, check=True)
    return seconds, set(json.loads(done.stdout.splitlines()[-1]))


def by_datatrove(pool: Path, folder: Path) -> tuple[float, set[str]]:
    output = folder / "datatrove"
    seconds = run([sys.executable, __file__, "--datatrove", str(pool), str(output)])
    kept = set()
    for path in output.glob("kept/*.jsonl"):
        kept |= {json.loads(line)["id"] for line in path.open()}
    return seconds, kept


def datatrove(pool: str, output: str) -> None:
    """datatrove's four stages, one worker a core."""
    import loguru
    import xxhash
    from datatrove.executor import LocalPipelineExecutor
    from datatrove.pipeline.dedup import MinhashDedupCluster, MinhashDedupFilter, MinhashDedupSignature
    from datatrove.pipeline.dedup.minhash import MinhashConfig, MinhashDedupBuckets
    from datatrove.pipeline.readers import JsonlReader
    from datatrove.pipeline.writers import JsonlWriter

    loguru.logger.remove()
    config = MinhashConfig()

    class Signature(MinhashDedupSignature):
        def run(self, *arguments: object, **named: object) -> object:
            # datatrove 0.10 hands text to xxhash, which takes only bytes from version 4 on.
            self._hash_func = lambda shingle: xxhash.xxh64_intdigest(shingle.encode())
            return super().run(*arguments, **named)

    def carry_out(name: str, tasks: int, *steps: object) -> None:
        LocalPipelineExecutor(
            pipeline=list(steps), tasks=tasks, workers=min(tasks, CORES), logging_dir=f"{output}/logs/{name}"
        ).run()

    reader = JsonlReader(pool, glob_pattern="part-*.jsonl")
    carry_out("1", CORES, reader, Signature(output_folder=f"{output}/signatures", config=config))
    carry_out(
        "2",
        config.num_buckets,
        MinhashDedupBuckets(
            input_folder=f"{output}/signatures", output_folder=f"{output}/buckets", config=config
        ),
    )
    carry_out(
        "3",
        1,
        MinhashDedupCluster(
            input_folder=f"{output}/buckets", output_folder=f"{output}/remove", config=config
        ),
    )
    carry_out(
        "4",
        CORES,
        JsonlReader(pool, glob_pattern="part-*.jsonl"),
        MinhashDedupFilter(input_folder=f"{output}/remove"),
        JsonlWriter(f"{output}/kept", compression=None),
    )


# --- 1. known pairs


def known_pairs(data: Path, folder: Path, peer: str | None) -> list[list[object]]:
    """Documents removed that are one of a known pair, and others, of 2,500 articles."""
    raw = zstandard.ZstdDecompressor().stream_reader(
        (data / "label_noise/minhash_articles_2500.jsonl.zst").open("rb")
    )
    articles = [json.loads(line) for line in raw.read().decode().splitlines()]
    pool = folder / "articles.jsonl"
    write_rows(pool, ({"id": row["id"], "text": row["text"]} for row in articles))
    pairs = {frozenset((row["id"], row["duplicate_of"])) for row in articles if row.get("duplicate_of")}
    everything = {row["id"] for row in articles}
    rows = []
    tools = {f"cupel {kind}": by_cupel(pool, folder, kind)[1] for kind in ("minhash", "simhash")}
    if peer:
        tools |= {
            f"text-dedup {kind}": by_text_dedup(peer, pool, folder, kind)[1]
            for kind in ("minhash", "simhash")
        }
    for name, kept in tools.items():
        removed = everything - kept
        right = sum(len(pair & removed) == 1 for pair in pairs)
        wrong = len(removed) - right
        precision, recall = right / max(len(removed), 1), right / len(pairs)
        f1 = 2 * precision * recall / max(precision + recall, 1e-9)
        rows.append([name, len(pairs), right, wrong, f"{precision:.3f}", f"{recall:.3f}", f"{f1:.3f}"])
    return rows


# --- 2. graded pairs


def graded_pairs(target: float, seed: int) -> tuple[list[str], list[str]]:
    """Passages of real texts, and each with words changed until about `target` of the shingles is shared."""
    rng = random.Random(seed)
    left: list[str] = []
    right: list[str] = []
    for row in rows():
        words = row["text"].split()
        for start in range(0, len(words) - WORDS, WORDS):
            passage = words[start : start + WORDS]
            other = list(passage)
            # A changed word takes five shingles from both sides.
            changes = round((1 - target) / (1 + target) * (WORDS - 4) / 5 + rng.uniform(-0.5, 0.5))
            for place in rng.sample(range(2, WORDS - 2), max(changes, 1)):
                other[place] = "".join(rng.choices("abcdefghijklmnop", k=8))
            left.append(" ".join(passage))
            right.append(" ".join(other))
        if len(left) >= 3 * PAIRS:
            break
    return left, right


def recall_by_similarity(folder: Path) -> list[list[object]]:
    """Share of pairs joined beside what the S-curve predicts for their true similarities."""
    rows = []
    for number, target in enumerate(SIMILARITIES):
        left, right = graded_pairs(target, number)
        true = _jaccard(left, right)
        near = np.flatnonzero(np.abs(true - target) < 0.04)[:PAIRS]
        texts = [left[i] for i in near] + [right[i] for i in near]
        batch = pa.record_batch(
            {"doc": pa.array(np.arange(len(texts))), "text": pa.array(texts, pa.large_string())}
        )
        count = len(near)
        joined, removed, precision = {}, {}, {}
        for clusters in ("connected", "stars"):
            options = {"threshold": target - 0.05, "clusters": clusters}
            method = find_method("minhash", Dedup).from_options(options)
            place = folder / f"graded-{number}-{clusters}"
            place.mkdir()
            stage = Stage(method, [batch], place)
            members = method.decide(stage, stage.resources()).members
            docs, kept = members["doc"].to_numpy(), members["kept"].to_numpy()
            cluster, stays = np.arange(2 * count), np.ones(2 * count, dtype=bool)
            cluster[docs], stays[docs] = members["cluster"].to_numpy(), kept
            joined[clusters] = (cluster[:count] == cluster[count:]).mean()
            removed[clusters] = 1 - (stays[:count] & stays[count:]).mean()
            precision[clusters] = (members["score"].to_numpy()[~kept] >= target - 0.05).mean()
        predicted = float(np.mean([candidate_probability(s, 14, 8) for s in true[near]]))
        shares = (joined["connected"], predicted, abs(joined["connected"] - predicted), removed["stars"])
        shares += (precision["connected"], precision["stars"])
        rows.append([target, count, float(true[near].mean()), *(f"{share:.4f}" for share in shares)])
    return rows


def _jaccard(left: list[str], right: list[str]) -> np.ndarray:
    docs = pa.array(np.arange(2 * len(left)))
    lists = _kernels.shingles(pa.array(left + right, pa.large_string()))
    first, second = docs.slice(0, len(left)), docs.slice(len(left))
    offsets = lists.offsets.cast(pa.int64())
    true: np.ndarray = _kernels.similarities(docs, offsets, lists.values, first, second).to_numpy()
    return true


# --- 3. whole runs


def whole_runs(megabytes: float, folder: Path, peer: str | None) -> list[list[object]]:
    pool = folder / "pool"
    pool.mkdir()
    size, number = 0, 0
    with contextlib.ExitStack() as stack:
        files = [stack.enter_context((pool / f"part-{core}.jsonl").open("w")) for core in range(CORES)]
        for row in rows():
            if size >= megabytes * 1e6:
                break
            size, number = size + len(row["text"].encode()), number + 1
            files[number % CORES].write(json.dumps({"id": str(number), "text": row["text"]}) + "\n")
    runs = {"cupel dedup --by minhash": by_cupel(pool, folder, "minhash")}
    if peer:
        runs["text-dedup minhash"] = by_text_dedup(peer, pool, folder, "minhash")
    runs["datatrove minhash, four stages"] = by_datatrove(pool, folder)
    ours = runs["cupel dedup --by minhash"][0]
    table: list[list[object]] = [
        [
            name,
            number,
            size / 1e6,
            seconds,
            size / 1e6 / seconds / CORES,
            f"{seconds / ours:.1f}",
            number - len(kept),
        ]
        for name, (seconds, kept) in runs.items()
    ]
    large = folder / "large"
    bytes_ = write_jsonl_zst(large, LARGE_MB, files=2 * CORES, salt=True)
    for path in list(large.iterdir()):
        with path.open("rb") as source, path.with_suffix("").open("wb") as sink:
            zstandard.ZstdDecompressor().copy_stream(source, sink)
        path.unlink()
    seconds = {"cupel, larger pool": by_cupel(large, folder, "minhash")[0]}
    if peer:
        seconds["text-dedup, larger pool"] = by_text_dedup(peer, large, folder, "minhash")[0]
    ours = seconds["cupel, larger pool"]
    for name, elapsed in seconds.items():
        rate = bytes_ / 1e6 / elapsed / CORES
        table.append([name, "", bytes_ / 1e6, elapsed, rate, f"{elapsed / ours:.1f}", ""])
    return table


def accuracy(kept: dict[str, object], data: Path | None, folder: Path, peer: str | None) -> None:
    """Parts 1 and 2."""
    if data is not None:
        kept["known"] = known_pairs(data, folder, peer)
        head = [
            "tool",
            "known pairs",
            "one of them removed",
            "others removed",
            "precision",
            "recall",
            "F1",
        ]
        print_table("2,500 articles with known pairs", head, kept["known"])
    kept["graded"] = recall_by_similarity(folder)
    head = ["similarity", "pairs", "mean true", "connected", "the S-curve says", "off by"]
    head += ["not both stay (stars)", "precision, connected", "precision, stars"]
    note = "Precision: of the documents removed, the share as similar as the threshold to the one that stays."
    title = "Pairs of real passages with words changed; threshold 0.05 below"
    print_table(title, head, kept["graded"], f"Bars: off by at most 0.01, precision 0.999. {note}")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--megabytes", type=float, default=120)
    parser.add_argument("--runs-only", action="store_true", help="part 3 alone")
    parser.add_argument("--datatrove", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.datatrove:
        datatrove(*arguments.datatrove)
        return
    peer, data = text_dedup(), shared()
    kept: dict[str, object] = {}
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        if not arguments.runs_only:
            accuracy(kept, data, folder, peer)
        kept["runs"] = whole_runs(arguments.megabytes, folder, peer)
        head = ["run", "documents", "MB", "seconds", "MB/s per core", "times ours", "removed"]
        note = "Bars: 20 MB/s per core, 20 times datatrove, 10 times text-dedup."
        print_table(f"Whole runs on {CORES} cores, start-up counted", head, kept["runs"], note)
    save("near_duplicates", kept)


if __name__ == "__main__":
    main()
