"""Peak memory of `cupel refine` over the size of the pool: that of the map stages must not grow.

    python benchmarks/memory.py [--gigabytes 0.2 1 4]

FineWeb's recipe without its deduplication is map stages alone; the whole recipe adds MinHash,
whose sketches grow with the number of documents (14 x 8 bytes each) and not with their text.
The peak is that of the process and its children, read twenty times a second: what they allocated,
and all that is resident, which counts pages of mapped files too. Those the system takes back
when it needs memory (MinHash maps the shingle sets of its candidates from disk).
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml
from pool import print_table, save, write_jsonl_zst

from cupel.recipe.recipe import Recipe, built_in_recipes

LIMIT_MB = 2000.0


def peak(command: list[str]) -> tuple[float, float, float]:
    """Peak MB allocated and peak MB resident of the process tree, and seconds."""
    started = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    allocated = resident = 0.0
    while process.poll() is None:
        now = _memory(process.pid)
        allocated, resident = max(allocated, now[0]), max(resident, now[1])
        time.sleep(0.05)
    if process.returncode:
        sys.exit(f"{' '.join(command)}: exit {process.returncode}")
    return allocated, resident, time.monotonic() - started


def _memory(pid: int) -> tuple[float, float]:
    """MB allocated and MB resident of a process and its children."""
    allocated = resident = 0.0
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            name, _, value = line.partition(":")
            if name == "RssAnon":
                allocated += int(value.split()[0]) / 1e3
            elif name == "VmRSS":
                resident += int(value.split()[0]) / 1e3
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            more = _memory(int(child))
            allocated, resident = allocated + more[0], resident + more[1]
    except (FileNotFoundError, ProcessLookupError):
        pass
    return allocated, resident


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--gigabytes", type=float, nargs="+", default=[0.2, 1.0, 4.0])
    arguments = parser.parse_args()
    cupel = str(Path(sys.executable).with_name("cupel"))
    rows: list[list[object]] = []
    with tempfile.TemporaryDirectory() as scratch:
        pool, output, maps = (Path(scratch) / name for name in ("pool", "output", "maps.yaml"))
        recipe = yaml.safe_load(built_in_recipes()["fineweb"])
        recipe["steps"] = [step for step in recipe["steps"] if step != "minhash"]
        maps.write_text(Recipe.from_dict(recipe).to_yaml())
        for size in arguments.gigabytes:
            text = write_jsonl_zst(pool, size * 1000, files=8, salt=True)
            for name, what in ((str(maps), "map stages"), ("fineweb", "with MinHash")):
                command = [cupel, "refine", name, "--input", str(pool), "--output", str(output)]
                allocated, resident, seconds = peak(command)
                rows.append([what, text / 1e9, allocated, resident, text / 1e6 / seconds])
                shutil.rmtree(output)
            shutil.rmtree(pool)
    rows.sort(key=lambda row: str(row[0]))
    highest = max(float(str(row[3])) for row in rows if row[0] == "map stages")
    print_table(
        "Peak memory",
        ["what", "GB of text", "peak MB allocated", "peak MB resident", "MB/s"],
        rows,
        f"Target: map stages under {LIMIT_MB:g} MB ({'met' if highest < LIMIT_MB else 'not met'}).",
    )
    save("memory", {"rows": rows})


if __name__ == "__main__":
    main()
