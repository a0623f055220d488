"""Install what a target of the Makefile needs, at the versions of uv.lock, into its virtual environment.

Each target names its extras and groups, and adds to what others have installed. PyTorch is by far the largest
package: on Linux the build of the Python Package Index carries CUDA (4 GB). `--torch cpu` takes PyTorch's own build
without it (0.2 GB), of the same version. Where no GPU is found, Triton, which compiles for GPUs only, is left out.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent
LOCK = ROOT / "uv.lock"
CUDA = ("nvidia-", "cuda-")
WITHOUT_TORCH = {"--group", "build", "lint", "docs"}


def packages_of_cuda(lock: dict[str, list[dict[str, str]]]) -> list[str]:
    """Packages that only a build with CUDA needs."""
    return sorted({package["name"] for package in lock["package"] if package["name"].startswith(CUDA)})


def version_of(lock: dict[str, list[dict[str, str]]], name: str) -> str:
    """The locked version of a package."""
    return next(package["version"] for package in lock["package"] if package["name"] == name)


def commands(environment: Path, wanted: list[str], torch: str) -> list[list[str]]:
    """What is run, in order."""
    uv = str(environment / "bin" / "uv")
    lock = tomllib.loads(LOCK.read_text("utf-8"))
    sync = [uv, "sync", "--locked", "--inexact", "--no-install-project", "--quiet", *wanted]
    if torch == "cuda":
        return [sync]
    left_out = ["triton"]
    first = []
    if torch == "cpu" and not WITHOUT_TORCH.issuperset(wanted):
        left_out += ["torch", *packages_of_cuda(lock)]
        python = str(environment / "bin" / "python")
        build = f"torch=={version_of(lock, 'torch')}"
        first = [[uv, "pip", "install", "--quiet", "--python", python, "--torch-backend", "cpu", build]]
    return [*first, [*sync, *(f"--no-install-package={name}" for name in left_out)]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("environment", type=Path, help="folder of the virtual environment, which has uv")
    parser.add_argument("--torch", choices=["auto", "cpu", "cuda"], default="auto")
    arguments, wanted = parser.parse_known_args()  # the rest is what `uv sync` takes: --extra, --group
    torch = arguments.torch
    if torch == "auto" and shutil.which("nvidia-smi"):
        torch = "cuda"
    environment = os.environ | {
        "UV_PROJECT_ENVIRONMENT": str(arguments.environment.resolve()),
        "UV_PYTHON": str(arguments.environment.resolve() / "bin" / "python"),
        "UV_COMPILE_BYTECODE": "1",
    }
    environment.pop("VIRTUAL_ENV", None)
    for command in commands(arguments.environment, wanted, torch):
        done = subprocess.run(command, env=environment, cwd=ROOT)
        if done.returncode:
            sys.exit(done.returncode)


if __name__ == "__main__":
    main()
