"""Findings: kept in the Store, written once, never among somebody's files; joined to a corpus by id."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa
import pytest

import cupel
from cupel.contract import (
    Annotates,
    Attribution,
    Bench,
    Column,
    Finding,
    KeptFinding,
    NamesFinding,
    is_finding,
    write_finding,
)
from cupel.errors import BadInput, BadOption, OutputInUse, UnknownName
from cupel.examination import annotation, carry_out
from cupel.examination.carry_out import examine
from cupel.findings import Prose, Section
from cupel.lab.progress import Quiet


class Weigh(Attribution, Annotates):
    """What each document weighs."""

    name = "weigh"
    columns: ClassVar[Mapping[str, Column]] = {
        "grains": Column(pa.int64(), "grains", "weight"),
        "metal": Column(pa.large_string(), "label", "what it is made of"),
    }
    calls = 0

    class Options(NamesFinding):
        """How heavy."""

        times: int = 1

    options: Options

    def attribute(self, trials: Sequence[Path], bench: Bench) -> Finding:
        type(self).calls += 1
        (bench.folder / "scales").mkdir()
        (bench.folder / "scales" / "pan").write_text("brass")
        table = pa.table(
            {
                "id": pa.array(["a", "東京"], pa.large_string()),
                "grains": [3 * self.options.times, 5],
                "metal": pa.array(["gold", None], pa.large_string()),
            }
        )
        section = Section(title="Weights", key="weights", blocks=(Prose(text="Café"),))
        return Finding({"documents": table}, (section,), (("documents", "2"),), {"n": 2}, ("scales",))


@pytest.fixture(autouse=True)
def _known(monkeypatch: pytest.MonkeyPatch) -> None:
    """The method, found as an installed package's would be."""
    from cupel.contract import all_methods
    from cupel.recipe import job, plan

    known = {**all_methods(), "weigh": Weigh}
    for module in (carry_out, job, plan):
        if hasattr(module, "all_methods"):
            monkeypatch.setattr(module, "all_methods", lambda: known)
    monkeypatch.setattr("cupel.contract.registry.all_methods", lambda: known)
    Weigh.calls = 0


@pytest.fixture
def trial(tmp_path: Path) -> Path:
    folder = tmp_path / "trial"
    folder.mkdir()
    (folder / "trial.json").write_text(json.dumps({"name": "made"}))
    return folder


def weighed(trial: Path, output: Path, restart: bool = False, **options: Any) -> KeptFinding:
    return examine(
        "weigh",
        [str(trial)],
        output=output,
        options=options,
        progress=Quiet(),
        cache=trial.parent / "cache",
        restart=restart,
    )


def test_a_finding_is_made_once_and_read_again(trial: Path, tmp_path: Path) -> None:
    kept = weighed(trial, tmp_path / "one")
    assert kept.table("documents")["grains"].to_pylist() == [3, 5]
    assert (kept.artifact("scales") / "pan").read_text() == "brass"
    assert kept.about == {"n": 2}
    assert kept.page().facts == (("documents", "2"),)
    assert kept.page().sections[0].key == "weights"
    assert is_finding(kept.folder)
    weighed(trial, tmp_path / "one")
    weighed(trial, tmp_path / "two")
    assert Weigh.calls == 1
    weighed(trial, tmp_path / "three", times=2)
    (trial / "trial.json").write_text(json.dumps({"name": "another"}))
    weighed(trial, tmp_path / "four")
    assert Weigh.calls == 3, "options and the content of trials decide it"
    for name in ("table", "artifact"):
        with pytest.raises(UnknownName, match="no"):
            getattr(kept, name)("docments")


def test_a_damaged_finding_is_made_anew(trial: Path, tmp_path: Path) -> None:
    kept = weighed(trial, tmp_path / "out")
    (stored,) = (tmp_path / "cache" / "findings").glob("*/tables/documents.parquet")
    stored.write_bytes(stored.read_bytes()[:-1])
    (kept.folder / "tables" / "documents.parquet").write_bytes(b"")
    assert not is_finding(kept.folder)
    with pytest.raises(OutputInUse, match="--restart"):
        weighed(trial, tmp_path / "out")
    assert is_finding(weighed(trial, tmp_path / "out", restart=True).folder)
    assert Weigh.calls == 2


def test_nothing_is_written_among_other_files(trial: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "thesis.txt").write_text("years of work")
    for restart in (False, True):
        with pytest.raises(OutputInUse, match="not empty, and no finding"):
            weighed(trial, other, restart=restart)
    weighed(trial, tmp_path / "out")
    with pytest.raises(OutputInUse, match="holds the finding of another method"):
        weighed(trial, tmp_path / "out", times=3)
    assert (
        weighed(trial, tmp_path / "out", times=3, restart=True).table("documents")["grains"][0].as_py() == 9
    )
    assert (other / "thesis.txt").exists()


def test_words_and_options_are_checked(trial: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="0 given as TRIAL; expected one or more"):
        examine("weigh", [], output=tmp_path / "out", progress=Quiet(), cache=tmp_path / "cache")
    with pytest.raises(BadOption, match="is named twice"):
        examine(
            "weigh", [str(trial)] * 2, output=tmp_path / "out", progress=Quiet(), cache=tmp_path / "cache"
        )
    with pytest.raises(BadOption, match="'finding' is what is made here"):
        weighed(trial, tmp_path / "out", finding="x")
    with pytest.raises(UnknownName, match="no method that gives a finding is called 'counts'"):
        examine("counts", [str(trial)], output=tmp_path / "out", progress=Quiet())
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"id": ["a", "a"], "grains": [1, 2], "metal": ["x", "y"]}, "an id stands twice"),
        ({"id": ["a"], "grains": [1]}, "needs a column 'metal'"),
        ({"id": ["a"], "grains": [1.5], "metal": ["x"]}, "needs a column 'grains' of type int64"),
    ],
)
def test_a_table_by_document_keeps_the_card_s_promise(
    table: dict[str, list[Any]], said: str, tmp_path: Path
) -> None:
    method = Weigh()
    columns = {name: pa.array(values) for name, values in table.items()}
    columns: ClassVar[Mapping[str, Column]] = {
        name: column.cast(pa.large_string()) if pa.types.is_string(column.type) else column
        for name, column in columns.items()
    }
    with pytest.raises(BadInput, match=said):
        write_finding(Finding({"documents": pa.table(columns)}), method, method.key([], {}), tmp_path / "out")


def test_what_is_joined_is_a_signal(trial: Path, tmp_path: Path) -> None:
    weighed(trial, tmp_path / "found")
    pool = tmp_path / "pool.jsonl"
    rows = [{"id": id, "text": f"text of {id}", "year": 1556} for id in ("a", "b", "東京", "a")]
    pool.write_text("\n".join(json.dumps(row) for row in rows))
    done = cupel.annotate(tmp_path / "found", input=pool, output=tmp_path / "annotated")
    documents = done.manifest["documents"]
    assert (documents["in"], documents["kept"]) == (4, 4)
    assert set(done.manifest["signals"]) == {"grains", "metal"}
    own = done.corpus().to_arrow().to_pylist()
    assert [row["signals"]["grains"] for row in own] == [3, None, 5, 3]
    assert [row["year"] for row in own] == [1556] * 4
    recipe = cupel.Recipe.from_dict(
        {"name": "light", "steps": [{"threshold": {"signal": "grains", "at_most": 4}}]}
    )
    kept = cupel.refine(recipe, input=tmp_path / "annotated", output=tmp_path / "light").manifest
    assert kept["documents"]["kept"] == 2
    # The same in one go, without a corpus in between.
    direct = {"name": "light", "steps": [{"weigh": {"finding": str(tmp_path / "found")}}, *_steps()]}
    done = cupel.refine(cupel.Recipe.from_dict(direct), input=pool, output=tmp_path / "direct")
    assert done.manifest["documents"]["kept"] == 2


def _steps() -> list[dict[str, Any]]:
    return [{"threshold": {"signal": "grains", "at_most": 4}}]


def test_only_findings_about_documents_are_joined(trial: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="is not there"):
        annotation(tmp_path / "nowhere")
    with pytest.raises(BadInput, match=r"holds no finding \(no finding.json\)"):
        annotation(trial)
    finding = weighed(trial, tmp_path / "found")
    record = json.loads((finding.folder / "finding.json").read_bytes())
    for name, error, said in (
        ("uniform-soup", BadOption, "says nothing of single documents"),
        ("weihg", UnknownName, "did you mean 'weigh'"),
    ):
        (finding.folder / "finding.json").write_text(json.dumps(record | {"method": name}))
        with pytest.raises(error, match=said):
            annotation(finding.folder)
    (finding.folder / "finding.json").write_text(json.dumps(record | {"method": "cartography"}))
    recipe = cupel.Recipe.from_dict(
        {"name": "x", "steps": [{"weigh": {"finding": str(finding.folder)}}, *_steps()]}
    )
    (tmp_path / "pool.jsonl").write_text('{"text": "a"}')
    with pytest.raises(BadInput, match="holds what 'cartography' found; expected a finding of weigh"):
        cupel.refine(recipe, input=tmp_path / "pool.jsonl", output=tmp_path / "out")
