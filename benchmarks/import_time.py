"""Time of `import cupel` and of `cupel --help`, in fresh processes."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path

from pool import print_table, save


def main() -> None:
    commands = {
        "python -c pass": [sys.executable, "-c", "pass"],
        "import cupel": [sys.executable, "-c", "import cupel"],
        "cupel --help": [str(Path(sys.executable).with_name("cupel")), "--help"],
        "import daft": [sys.executable, "-c", "import daft"],
        "import datatrove": [sys.executable, "-c", "import datatrove.pipeline.filters"],
    }
    medians = {}
    for name, command in commands.items():
        seconds = []
        for _ in range(9):
            started = time.perf_counter()
            subprocess.run(command, check=True, capture_output=True)
            seconds.append(time.perf_counter() - started)
        medians[name] = statistics.median(seconds) * 1000
    print_table("Start-up", ["what", "ms (median of 9)"], [[name, value] for name, value in medians.items()])
    save("import_time", medians)


if __name__ == "__main__":
    main()
