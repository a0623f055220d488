"""Peak memory of `cupel refine` over the size of the pool: it must not grow."""

from __future__ import annotations

import argparse
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from pool import print_table, save, write_jsonl_zst


def peak(arguments: list[str]) -> tuple[float, float, float]:
    """(peak MB of the process tree, MB at the end of the first pass's peak, seconds)."""
    started = time.monotonic()
    process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    highest = {"tree": 0.0}
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.05):
            highest["tree"] = max(highest["tree"], _resident(process.pid))

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    _, said = process.communicate()
    over.set()
    thread.join()
    if process.returncode:
        sys.exit(said[-2000:])
    return (
        highest["tree"],
        resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e3,
        time.monotonic() - started,
    )


def _resident(pid: int) -> float:
    """Resident MB of a process and its children."""
    total = 0.0
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                total += int(line.split()[1]) / 1e3
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            total += _resident(int(child))
    except (FileNotFoundError, ProcessLookupError):
        return total
    return total


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gigabytes", type=float, nargs="+", default=[0.2, 1.0, 4.0])
    given = parser.parse_args()
    cupel = str(Path(sys.executable).with_name("cupel"))
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        for size in given.gigabytes:
            pool, output = Path(scratch) / "pool", Path(scratch) / "output"
            text = write_jsonl_zst(pool, size * 1000, files=4, salt=True)
            for recipe, what in (("gopher", "map stages"), ("fineweb", "map stages and MinHash")):
                tree, _, seconds = peak(
                    [cupel, "refine", recipe, "--input", str(pool), "--output", str(output)]
                )
                rows.append([what, text / 1e9, tree, text / 1e6 / seconds])
                shutil.rmtree(output)
            shutil.rmtree(pool)
    rows.sort(key=lambda row: str(row[0]))
    print_table("Peak memory", ["what", "GB of text", "peak MB (all processes)", "MB/s"], rows)
    save("memory", {"rows": rows})


if __name__ == "__main__":
    main()
