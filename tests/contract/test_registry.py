"""Methods and kinds of installed packages, through the real command line: nothing of Cupel names them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent.parent / "src"

MODULE = '''
"""Touches and a signal of another package."""

from abc import abstractmethod

import pyarrow as pa
import pyarrow.compute as pc

from cupel.contract import Column, Method, Paper, Signal


class Touch(Method):
    """A finding about a corpus."""

    kind = "touch"
    heading = "Touches: findings about a corpus"

    @abstractmethod
    def audit(self, text: pa.Array) -> str:
        """The finding, in a sentence."""


class Leaks(Touch):
    """Leaked keys.

    Texts in which a private key stands.
    """

    name = "leaks"
    papers = (Paper("Assaying keys", "Touchstone", 2020, "https://example.org/keys"),)

    def audit(self, text: pa.Array) -> str:
        return f"{pc.sum(pc.match_substring(text, 'PRIVATE KEY')).as_py()} texts hold a private key"


class Alloy(Signal):
    """The metal that a text is about."""

    name = "alloy"
    columns = {
        "alloy": Column(pa.large_string(), "label", "gold or silver; null where it is about neither"),
        "alloy_words": Column(pa.int64(), "words", "how often it is named"),
    }

    def measure(self, documents: pa.RecordBatch) -> pa.RecordBatch:
        text = documents.column("text")
        gold, silver = (pc.count_substring(text, metal) for metal in ("gold", "silver"))
        label = pc.if_else(pc.greater(gold, 0), "gold", pc.if_else(pc.greater(silver, 0), "silver", None))
        words = pc.cast(pc.add(gold, silver), pa.int64())
        return pa.record_batch({"alloy": label.cast(pa.large_string()), "alloy_words": words})
'''

OWN_COMMAND = '''
"""A kind of another package that has a command of its own: nothing but this class says so."""

from abc import abstractmethod

import pyarrow as pa
from pydantic import Field

from cupel.contract import Argument, Bench, Column, Finding, FindingMethod, Annotates, NamesFinding
from cupel.findings import Prose, Section


class Streak(FindingMethod):
    """A method that strikes metal on stone."""

    kind = "streak"
    heading = "Streaks: what metal leaves on a stone"
    command = "streak"
    argument = Argument("METAL", "Names of metals.", "words", at_most=2)

    @abstractmethod
    def strike(self, metals: tuple[str, ...], bench: Bench) -> Finding: ...

    def examine(self, words, bench: Bench) -> Finding:
        return self.strike(tuple(words), bench)


class Karat(Streak, Annotates):
    """How pure a metal is."""

    name = "karat"
    columns = {"karat": Column(pa.int64(), "parts", "of twenty-four")}

    class Options(NamesFinding):
        """How pure."""

        parts: int = Field(24, ge=1, le=24, description="Parts of twenty-four.")

    options: Options

    def strike(self, metals: tuple[str, ...], bench: Bench) -> Finding:
        table = pa.table({"id": pa.array(metals, pa.large_string()), "karat": [self.options.parts] * len(metals)})
        return Finding(
            tables={"documents": table},
            sections=(Section(title="Streaks", blocks=(Prose(text="Yellow on black."),)),),
            facts=(("metals", str(len(metals))),),
        )
'''

OWN_ACTION = '''
from typing import Literal

from cupel.contract import Dedup


class Marks(Dedup):
    """Marks what it finds."""

    name = "marks"

    class Options(Dedup.Options):
        action: Literal["mark"] = "mark"
'''


def installed(site: Path, module: str) -> Path:
    """A folder with a package whose entry point names `module`, as an installer leaves it."""
    (site / "touchstone.py").write_text(module)
    about = site / "touchstone-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: touchstone\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[cupel.methods]\ntouchstone = touchstone\n")
    return site


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return installed(tmp_path_factory.mktemp("site"), MODULE)


def cupel(site: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(site), str(SOURCE)]),
        "COLUMNS": "120",
        "NO_COLOR": "1",
    }
    return subprocess.run(
        [sys.executable, "-c", "from cupel.cli import main; main()", *arguments],
        capture_output=True,
        text=True,
        env=environment,
    )


def test_a_kind_of_another_package_is_listed_under_its_heading(site: Path) -> None:
    done = cupel(site, "methods")
    assert done.returncode == 0, done.stderr
    listed = done.stdout[done.stdout.index("Touches: findings about a corpus") :]
    assert "Leaked keys" in listed.split("\n\n")[0]
    assert "The metal that a text is about" in done.stdout


def test_a_method_of_a_new_kind_has_a_card(site: Path) -> None:
    done = cupel(site, "methods", "leaks")
    assert done.returncode == 0, done.stderr
    assert "touch — Leaked keys" in done.stdout
    assert "Texts in which a private key stands." in done.stdout
    assert "Assaying keys" in done.stdout


def test_a_recipe_refuses_steps_of_kinds_that_it_cannot_carry_out(site: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text("name: audited\nsteps: [counts, leaks]\n")
    (tmp_path / "pool.jsonl").write_text('{"text": "A crucible."}\n')
    arguments = ["-i", str(tmp_path / "pool.jsonl"), "-o", str(tmp_path / "out")]
    done = cupel(site, "refine", str(recipe), *arguments)
    assert done.returncode != 0
    said = " ".join(done.stderr.split())
    assert "step 'leaks': 'leaks' is a method of kind 'touch', and a recipe has no steps of that kind" in said
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()


def test_any_label_column_is_a_breakdown_of_the_report(site: Path, tmp_path: Path) -> None:
    texts = ["gold and gold", "silver", "silver of gold", "lead"]
    lines = [json.dumps({"text": text}) for text in texts]
    (tmp_path / "pool.jsonl").write_text("\n".join(lines))
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(
        "name: alloys\nsteps: [alloy, language-id, {threshold: {signal: alloy_words, at_least: 1}}]\n"
    )
    done = cupel(site, "refine", str(recipe), "-i", str(tmp_path / "pool.jsonl"), "-o", str(tmp_path / "out"))
    assert done.returncode == 0, done.stderr
    page = json.loads((tmp_path / "out" / "report.json").read_text())
    sections = {section["title"]: section for section in page["sections"]}
    (table,) = [block for block in sections["Alloy labels"]["blocks"] if "rows" in block]
    assert table["columns"][0] == "alloy"
    assert sorted(row[:3] for row in table["rows"]) == [["gold", 2, 2], ["silver", 1, 1], ["unknown", 1, 0]]
    (table,) = [block for block in sections["Languages"]["blocks"] if "rows" in block]
    assert sum(row[1] for row in table["rows"]) == len(texts)


@pytest.mark.parametrize(
    ("module", "sentence"),
    [
        (
            MODULE.replace('    heading = "Touches: findings about a corpus"\n', ""),
            "method 'leaks' of touchstone: its kind has no name or no heading",
        ),
        (
            MODULE.replace('"leaks"', '"exact"'),
            "two methods are called 'exact': cupel.deduplication.exact and touchstone",
        ),
        (
            MODULE.replace('kind = "touch"', 'kind = "signal"'),
            "two kinds are called 'signal': cupel.contract.signals and touchstone",
        ),
        (
            OWN_ACTION,
            "Marks.Options has an 'action' of its own: derive it from cupel.contract.Acts",
        ),
        ("import slag\n", "package 'touchstone': its methods in touchstone cannot be loaded"),
    ],
)
def test_faulty_packages_are_named(module: str, sentence: str, tmp_path: Path) -> None:
    done = cupel(installed(tmp_path, module), "methods")
    assert done.returncode != 0
    assert sentence in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr


def test_a_kind_of_another_package_has_its_command(tmp_path: Path) -> None:
    """One class is all that a new kind takes: command, help, card, finding and annotation follow from it."""
    site = installed(tmp_path, OWN_COMMAND)
    done = cupel(site, "methods", "karat")
    assert "cupel streak karat METAL... -o FOLDER" in done.stdout, done.stderr
    shown = cupel(site, "streak", "--help")
    assert "karat" in shown.stdout, shown.stderr
    shown = cupel(site, "streak", "karat", "--help")
    assert "Names of metals." in shown.stdout
    assert "--parts" in shown.stdout
    assert "--finding" not in shown.stdout, "that is for recipes"
    output = tmp_path / "found"
    done = cupel(site, "streak", "karat", "gold", "silver", "--parts", "18", "-o", str(output))
    assert done.returncode == 0, done.stderr
    assert "Yellow on black." in done.stdout
    assert json.loads((output / "finding.json").read_bytes())["options"] == {"parts": 18}
    done = cupel(site, "streak", "karat", "gold", "silver", "lead", "-o", str(tmp_path / "three"))
    assert "expected 2 at most" in " ".join(done.stderr.split())
    pool = tmp_path / "pool.jsonl"
    pool.write_text("\n".join(json.dumps({"id": id, "text": f"A {id} cup."}) for id in ("gold", "lead")))
    done = cupel(site, "annotate", str(output), "-i", str(pool), "-o", str(tmp_path / "annotated"))
    assert done.returncode == 0, done.stderr
    recipe = tmp_path / "pure.yaml"
    recipe.write_text("name: pure\nsteps: [{threshold: {signal: karat, at_least: 14}}]\n")
    arguments = ["-i", str(tmp_path / "annotated"), "-o", str(tmp_path / "pure")]
    done = cupel(site, "refine", str(recipe), *arguments)
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "pure" / "manifest.json").read_bytes())["documents"]["kept"] == 1
