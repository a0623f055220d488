"""Every snippet of the README, CONTRIBUTING and the docs is carried out, in order, page by page.

A snippet whose fence follows a comment `<!-- not run: why -->` is left out, and one that follows
`<!-- file: NAME -->` is written to that file; YAML snippets are loaded as recipes, and written to
`NAME.yaml` for the commands that follow.
"""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from cupel.recipe.recipe import Recipe
from tests import warm
from tests.conftest import prose

ROOT = Path(__file__).parent.parent.parent
PAGES = sorted([*(ROOT / "docs").glob("*.md"), ROOT / "README.md", ROOT / "CONTRIBUTING.md"])
FENCE = re.compile(r"(?:<!-- (not run|file): ([^>]+) -->\n)?^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
MAKE = re.compile(r"^(make|git|cd|pip) .*\n", re.MULTILINE)


def snippets(page: Path) -> list[tuple[str, str]]:
    """The snippets word for word, but for lines that build, fetch or install something."""
    return [
        ("file " + name if comment else kind, MAKE.sub("", code) if kind == "shell" else code)
        for comment, name, kind, code in FENCE.findall(page.read_text())
        if comment != "not run"
    ]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A working folder with the small pool that the pages speak of."""
    pool = tmp_path / "pool"
    pool.mkdir()
    rows = []
    for path in sorted(Path(os.__file__).parent.glob("[a-d]*.py"))[:30]:
        module = path.read_text(errors="replace")
        rows.append({"id": path.stem, "text": module[:4000], "source": "stdlib"})
    rng = random.Random(3)
    rows += [
        {
            "id": f"good-{n}",
            "text": prose(rng, 250),
            "source": "essays",
            "url": f"https://example.org/{n // 2}",
            "lang": "en",
            "tags": ["essay"],
            "meta": {"title": f"Essay {n}", "quality": {"score": n % 6}},
        }
        for n in range(1, 40)
    ]
    (pool / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (pool / "license.txt").write_text((ROOT / "LICENSE").read_text())
    (pool / "license-copy.txt").write_text((ROOT / "LICENSE").read_text())
    activate = tmp_path / ".venv" / "bin" / "activate"  # the test's own environment is active already
    activate.parent.mkdir(parents=True)
    activate.touch()
    return tmp_path


@pytest.fixture
def demo(folder: Path) -> None:
    """`demo/`, as `make demo` leaves it, of a part of the standard library."""
    library = Path(os.__file__).parent
    some = folder / "library"
    some.mkdir()
    for path in [*sorted(library.glob("[a-h]*.py")), library / "this.py"]:
        (some / path.name).write_bytes(path.read_bytes())
    for path in sorted(library.glob("[a-c]*.py")):
        (some / f"copy-of-{path.name}").write_bytes(path.read_bytes())
    command = [sys.executable, str(ROOT / "tools" / "demo.py"), "--no-assay", "--input", str(some)]
    done = subprocess.run(command, cwd=folder, env=environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def environment() -> dict[str, str]:
    paths = [str(Path(warm.cupel()).parent), str(Path(sys.executable).parent), os.environ["PATH"]]
    return os.environ | {"PATH": ":".join(paths), "COLUMNS": "120"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_snippets_run(page: Path, folder: Path, request: pytest.FixtureRequest) -> None:
    if page.name == "README.md":
        request.getfixturevalue("demo")
    python: list[str] = []
    for kind, code in snippets(page):
        if kind.startswith("file "):
            (folder / kind.removeprefix("file ")).write_text(code)
        elif kind == "yaml":
            recipe = yaml.safe_load(code)
            assert Recipe.from_dict(recipe).steps
            (folder / f"{recipe['name']}.yaml").write_text(code)
        elif kind == "shell" and code.strip():
            done = subprocess.run(
                ["bash", "-euo", "pipefail", "-c", code],
                cwd=folder,
                env=environment(),
                capture_output=True,
                text=True,
            )
            assert done.returncode == 0, f"{page.name}:\n{code}\n{done.stdout}\n{done.stderr}"
        elif kind == "python":
            python.append(code)
            done = subprocess.run(
                [warm.python(), "-c", "\n".join(python)],
                cwd=folder,
                env=environment(),
                capture_output=True,
                text=True,
            )
            assert done.returncode == 0, f"{page.name}:\n{code}\n{done.stdout}\n{done.stderr}"
