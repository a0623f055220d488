"""The laws of the house that a machine can check."""

from __future__ import annotations

import ast
import importlib
import json
import re
import subprocess
import sys
from collections.abc import Set
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import cupel
from cupel.cards import card_markdown
from cupel.contract import all_methods

ROOT = Path(__file__).parent.parent
SOURCES = sorted((ROOT / "src" / "cupel").rglob("*.py"))
RUN_BY_HAND = sorted(
    path for folder in ("benchmarks", "claims", "tools") for path in (ROOT / folder).glob("*.py")
)


def test_import_is_light() -> None:
    code = "import sys, json, cupel, cupel.cli._app; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(json.loads(done.stdout))
    assert "cupel" in loaded
    heavy = {
        "torch",
        "daft",
        "pyarrow",
        "numpy",
        "pandas",
        "ray",
        "altair",
        "trafilatura",
        "ftfy",
        "resiliparse",
    }
    assert not heavy & loaded


def test_a_verdict_needs_no_torch() -> None:
    code = (
        "import importlib, json, pkgutil, sys, cupel.verdict as room\n"
        "for info in pkgutil.iter_modules(room.__path__): importlib.import_module(f'{room.__name__}.{info.name}')\n"
        "print(json.dumps(sorted(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(json.loads(done.stdout))
    assert "cupel.verdict.verdict" in loaded
    assert not {"torch", "transformers", "pyarrow", "daft", "cupel.lab", "cupel.corpus"} & loaded


def test_no_imports_run_in_a_circle() -> None:
    """Not even inside of functions or for annotations, where Python itself would not mind."""
    modules = {_module(path): path for path in SOURCES}
    graph = {name: _imported(path, modules.keys()) for name, path in modules.items()}
    assert "cupel.verdict.words" in graph["cupel.verdict.verdict"]
    list(TopologicalSorter(graph).static_order())  # names the modules of a circle


def _module(path: Path) -> str:
    parts = path.relative_to(ROOT / "src").with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _imported(path: Path, modules: Set[str]) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            # `from cupel import charts` imports a module, `from cupel.engine import Engine` a name of one.
            inside = [f"{node.module}.{alias.name}" for alias in node.names]
            names |= {name if name in modules else node.module for name in inside}
    return names & modules - {"cupel"}


@pytest.mark.parametrize("path", RUN_BY_HAND, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_is_run_by_hand_imports_what_there_is(path: Path) -> None:
    """No test runs the benchmarks, whose imports inside of functions would break unseen when names move."""
    for statement in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(statement, ast.ImportFrom) and f"{statement.module}.".startswith("cupel."):
            module = importlib.import_module(str(statement.module))
            for imported in statement.names:
                if not hasattr(module, imported.name):
                    importlib.import_module(f"{statement.module}.{imported.name}")


@pytest.mark.parametrize("name", all_methods())
def test_every_method_says_what_it_is(name: str) -> None:
    method = all_methods()[name]
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name)
    card = card_markdown(method)
    assert len(method.title()) > 5
    assert f"# {name}" in card
    for option, field in method.Options.model_fields.items():
        assert field.description, f"{name}: option '{option}' has no description"
    for column, about in method.columns.items():
        assert about.meaning, f"{name}: column '{column}' has no meaning"


def test_every_paper_has_an_address() -> None:
    papers = [(name, paper) for name, method in all_methods().items() for paper in method.papers]
    assert papers
    for name, paper in papers:
        assert re.match(r"https?://", paper.url), f"{name}: {paper.title}: no address"
        assert 1900 < paper.year < 2100


def test_no_assert_in_the_product() -> None:
    asserting = [path for path in SOURCES if re.search(r"^\s+assert ", path.read_text(), re.MULTILINE)]
    assert not asserting


def test_nobody_is_told_to_install_the_project_of_another() -> None:
    """On the Python Package Index, plain "cupel" is not ours: the distribution is cupel-data."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    foreign_install = re.compile(r"install\b[^\n|]*[\s'\"`]cupel(?![\w-])|\bcupel\[[a-z]+[,\]]")
    assert foreign_install.search("pip install cupel")
    assert foreign_install.search("uv pip install 'cupel[lab]'")
    assert not foreign_install.search("pip install 'cupel-data[lab]'")
    wrong = []
    for name in listed.stdout.splitlines():
        if name.endswith((".md", ".py", ".toml", ".yaml", ".yml", "Makefile")) and "CHANGELOG" not in name:
            wrong += [
                (name, line)
                for line in (ROOT / name).read_text("utf-8").splitlines()
                if foreign_install.search(line)
            ]
    assert [place for place in wrong if place[0] != "tests/test_house.py"] == []


def test_no_module_takes_the_name_of_a_function() -> None:
    """Importing `cupel.dedup.minhash` would set `cupel.dedup`, and the function of that name would be gone."""
    modules = {path.name.removesuffix(".py") for path in (ROOT / "src" / "cupel").iterdir()}
    assert "reproduction" in modules
    assert not modules & set(cupel.__all__)
