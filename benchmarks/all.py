"""`make bench`: every benchmark, one after the other; tables on the terminal and in bench-results/."""

from __future__ import annotations

import argparse
import platform
import subprocess
import sys
from pathlib import Path

from pool import shared

HERE = Path(__file__).parent
SPEED = (
    "signals",
    "minhash",
    "repeats",
    "near_duplicates",
    "language",
    "ngram",
    "perplexity",
    "tokenise",
    "loader",
    "training",
    "end_to_end",
    "pages",
    "memory",
    "import_time",
)
ACCURACY = (
    "noise",
    "tuning",
    "agreement",
    "agreement_dclm",
    "quality",
    "extraction",
    "decontamination",
    "contamination_layouts",
    "semantic",
    "classifier",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help=f"only these of: {', '.join(SPEED + ACCURACY)}")
    arguments = parser.parse_args()
    results = HERE.parent / "bench-results"
    results.mkdir(exist_ok=True)
    failed = []
    print(f"{platform.processor() or platform.machine()}, Python {platform.python_version()}")
    for name in arguments.names or SPEED + ACCURACY:
        print(f"\n## {name}", flush=True)
        if name in ACCURACY and shared() is None:
            print("skipped: needs the labelled data that lies beside the project (../shared)")
            continue
        command = [sys.executable, str(HERE / f"{name}.py")]
        with (results / f"{name}.txt").open("w") as kept:
            process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
            for line in process.stdout or ():
                print(line, end="", flush=True)
                kept.write(line)
        if process.wait():
            failed.append(name)
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
