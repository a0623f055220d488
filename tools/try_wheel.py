"""`make wheel`: install the wheel and the source distribution as a user would, each into a bare environment, and try them.

With `--python`, once per interpreter: `tools/try_wheel.py dist .venv/bin/uv --python python3.12 --python python3.13`.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
NEEDED = (
    "cupel/py.typed",
    "cupel/_kernels.pyi",
    "cupel/recipe/built_in/fineweb.yaml",
    "cupel/lab/scales/nano.yaml",
)
TEXT = "The harbor was quiet when the first boats came home, and nobody spoke of the storm. "


def run(*command: str | Path, cwd: Path, status: int = 0) -> str:
    """What a command printed; ends the script where its exit status is another."""
    environment = {
        name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")
    }
    done = subprocess.run([*map(str, command)], cwd=cwd, env=environment, capture_output=True, text=True)
    if done.returncode != status:
        sys.exit(f"{' '.join(map(str, command))}: exit status {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout + done.stderr


def check_contents(wheel: Path) -> None:
    """A wheel carries its types, recipes and scales, and one build serves every Python from 3.11."""
    names = zipfile.ZipFile(wheel).namelist()
    missing = [name for name in NEEDED if name not in names]
    if missing or "abi3" not in wheel.name:
        sys.exit(f"{wheel.name}: missing {', '.join(missing) or 'the tag abi3'}")


def try_out(package: Path, uv: Path, python: str) -> None:
    """Install a package with nothing but its dependencies, and use it away from this repository."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        run(uv, "venv", "--quiet", "--python", python, folder / "env", cwd=folder)
        interpreter = folder / "env" / "bin" / "python"
        run(uv, "pip", "install", "--quiet", "--python", interpreter, package, cwd=folder)
        cupel = folder / "env" / "bin" / "cupel"
        version = run(cupel, "--version", cwd=folder).strip()
        rows = [{"id": str(n), "text": TEXT * (n % 3 + 1)} for n in range(6)]
        (folder / "pool.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        (folder / "once.yaml").write_text("name: once\nsteps: [exact]\n")
        run(cupel, "refine", "once.yaml", "--input", "pool.jsonl", "--output", "out", cwd=folder)
        kept = json.loads((folder / "out" / "manifest.json").read_text())["documents"]["kept"]
        if kept != 3:
            sys.exit(f"{package.name}: {kept} documents kept of 6 with 3 texts")
        refused = run(cupel, "assay", "pool.jsonl", "out", cwd=folder, status=1)
        if "needs the extra 'lab'" not in refused or "Traceback" in refused:
            sys.exit(f"{package.name}: an assay without PyTorch is answered by\n{refused}")
        running = run(interpreter, "-c", "import sys; print(sys.version.split()[0])", cwd=folder).strip()
        print(f"{package.name}: {version} on Python {running}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="holds one wheel and one source distribution")
    parser.add_argument("uv", type=Path)
    parser.add_argument("--python", action="append")
    arguments = parser.parse_args()
    folder, uv = arguments.folder.resolve(), arguments.uv.resolve()
    (wheel,), (source,) = folder.glob("*.whl"), folder.glob("*.tar.gz")
    check_contents(wheel)
    for python in arguments.python or [sys.executable]:
        try_out(wheel, uv, python)
    # Crates that others wrote are compiled already, for the wheel.
    os.environ.setdefault("CARGO_TARGET_DIR", str(ROOT / "target"))
    try_out(source, uv, sys.executable)


if __name__ == "__main__":
    main()
