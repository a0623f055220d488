import json
import re
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cupel.errors import BadInput, BadOption
from cupel.findings import Section, Table
from cupel.reproduction.claim import ClaimOutcome, Context
from cupel.reproduction.folder import ClaimFile, find_claims
from cupel.reproduction.result import carry_out, read_results, write_result
from cupel.reproduction.table import claims_markdown, claims_table, holds
from tests.conftest import ROOT
from tests.reproduction import world
from tests.reproduction.test_folder import MADE


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with one claim, in git, and data beside it."""
    folder = tmp_path / "project"
    (folder / "claims").mkdir(parents=True)
    (folder / "claims" / "made.py").write_text(MADE)
    (folder / ".gitignore").write_text("__pycache__/\n")
    world.write_data(tmp_path / "shared" / "data", ["articles"], documents=3)
    for command in (
        ["init", "-q"],
        ["add", "."],
        ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "x"],
    ):
        subprocess.run(["git", *command], cwd=folder, check=True)
    return folder


def _run(project: Path, outcome: ClaimOutcome | None = None) -> ClaimFile:
    claim_file = find_claims(project / "claims")["made"]
    return replace(claim_file, run=lambda context: outcome) if outcome else claim_file


def _context(project: Path) -> Context:
    return world.context(project.parent, project.parent / "shared" / "data", (0, 2))


def test_a_result_is_recorded_with_all_that_it_takes_to_do_it_again(project: Path) -> None:
    result = carry_out(_run(project), _context(project))
    path = write_result(result, project / "claims")
    record = json.loads(path.read_text())
    assert path == project / "claims" / "results" / "made.json"
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=project, capture_output=True, text=True).stdout
    assert head.startswith(record["commit"])
    assert len(record["commit"]) == 12
    assert record["seeds"] == [0, 2]
    assert record["scale"] == "tiny*"
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", record["date"])
    assert "cores" in record["hardware"]
    assert (record["passed"], record["effect"], record["interval"]) == (True, 1.5, [1.0, 2.0])
    assert read_results(project / "claims") == {"made": result}
    # The record itself is no change, anything else is one.
    assert carry_out(_run(project), _context(project)).commit == record["commit"]
    (project / "claims" / "made.py").write_text(MADE + "\n")
    assert carry_out(_run(project), _context(project)).commit == record["commit"] + "+"


def test_a_ratio_to_nothing_is_kept(project: Path) -> None:
    outcome = ClaimOutcome(None, "Nothing.", float("inf"), "times", (0.0, float("inf")))
    result = carry_out(_run(project, outcome), _context(project))
    path = write_result(result, project / "claims")
    json.loads(path.read_text(), parse_constant=lambda name: pytest.fail(f"no JSON: {name}"))
    assert read_results(project / "claims")["made"].interval == (0.0, float("inf"))


def test_a_reason_given_by_hand_stays_as_long_as_the_verdict(project: Path) -> None:
    claims = project / "claims"
    no = carry_out(_run(project, ClaimOutcome(False, "No.", 0.0, "")), _context(project))
    path = write_result(no.model_copy(update={"reason": "Too small."}), claims)
    write_result(no, claims)
    assert json.loads(path.read_text())["reason"] == "Too small."
    write_result(no.model_copy(update={"passed": True}), claims)
    assert json.loads(path.read_text())["reason"] == ""


def test_what_does_not_hold_is_shown_as_that(project: Path) -> None:
    claims = find_claims(project / "claims")
    assert holds(None) == "not run yet"
    assert "Not run yet." in claims_markdown(claims, {})
    table = Table(columns=("arm", "share"), rows=(("a|b", 0.25),), formats=("text", "percent"))
    outcome = ClaimOutcome(
        False,
        "One is more.",
        0.5,
        "times",
        None,
        "They were swapped.",
        (Section(title="All", blocks=(table,)),),
    )
    result = carry_out(_run(project, outcome), _context(project))
    page = claims_markdown(claims, {"made": result})
    for said in (
        "**Does not hold.** One is more.",
        "Why: They were swapped.",
        "| a\\|b | 25.0 % |",
        "### All",
    ):
        assert said in page
    (row,) = claims_table(claims, {"made": result}).rows
    assert row == ("made", "Made", "Somebody 2020", "does not hold", "0.5 times")
    share = result.model_copy(update={"unit": "of bits per byte", "interval": (-0.1234, 1.0)})
    assert claims_table(claims, {"made": share}).rows[0][-1] == "+50.0 % (−12.3 % to +100.0 %)"
    assert "effect: 0.5 times; seeds" in page
    assert holds(result.model_copy(update={"passed": None})) == "undecided"
    assert holds(result.model_copy(update={"passed": True})) == "holds"


def test_the_page_of_the_docs_is_up_to_date() -> None:
    page = claims_markdown(find_claims(world.CLAIMS), read_results(world.CLAIMS))
    assert (ROOT / "docs" / "claims.md").read_text() == page, "cupel claims table --write docs/claims.md"


def test_a_record_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "made.json").write_text("{}")
    with pytest.raises(BadInput, match=r"made\.json holds no result of a claim"):
        read_results(tmp_path)


def test_seeds_differ(tmp_path: Path) -> None:
    with pytest.raises(BadOption, match="expected one or more, different"):
        world.context(tmp_path, seeds=(1, 1))


def test_the_command(project: Path) -> None:
    from cupel.cli._app import app

    def cupel(*arguments: str, folder: str = "claims") -> str:
        done = CliRunner().invoke(app, ["claims", *arguments, "--folder", str(project / folder)])
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return " ".join(done.output.split())

    assert "One is less than two." in cupel("list")
    assert "not run yet" in cupel("table")
    assert "3 articles." in cupel("run", "made", "--cache", str(project / "cache"))
    page = project / "page.md"
    assert "holds" in cupel("table", "--write", str(page))
    assert "**Holds.** 3 articles." in page.read_text()
    with pytest.raises(BadOption, match="which one"):
        cupel("run")
    with pytest.raises(BadInput, match="nowhere"):
        cupel("list", folder="nowhere")
