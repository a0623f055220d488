"""What a run does with copied parts: cut, drop or mark, and nothing is lost."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

import cupel
from cupel.contract import Dedup, Need, find_method
from cupel.errors import BadOption, RunFailed, UnknownName
from cupel.findings import Facts, Prose
from cupel.recipe.progress import Silent
from tests.conftest import prose, write_pool
from tests.deduplication import reference
from tests.deduplication.conftest import without

MENU = "Start — Über uns — Impressum — 東京\n"


def refine(pool: Path, output: Path, *steps: object, **options: object) -> cupel.Result:
    recipe = cupel.Recipe.from_dict({"name": "copies", "steps": list(steps)})
    return cupel.refine(recipe, input=pool, output=output, **options)


def tables(output: Path, kind: str) -> list[dict]:
    paths = sorted((output / kind).glob("*.parquet"))
    return sorted((row for path in paths for row in pq.read_table(path).to_pylist()), key=lambda r: r["doc"])


def write(folder: Path, texts: Iterable[str]) -> Path:
    folder.mkdir()
    rows = [{"id": f"d{n}", "text": text, "source": f"s{n % 2}"} for n, text in enumerate(texts)]
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def site(pages: int, seed: int = 5) -> list[str]:
    """Pages of one site: the menu above, something of their own, a paragraph of another page at times."""
    rng = random.Random(seed)
    texts: list[str] = []
    for _ in range(pages):
        text = MENU + prose(rng, 60) + "\n"
        if texts and rng.random() < 0.4:
            text += "\n" + rng.choice(texts).removeprefix(MENU)
        texts.append(text)
    return texts


METHODS = ["lines", "substring", "bloom", {"lines": {"unit": "paragraph"}}]


@pytest.mark.parametrize("step", METHODS, ids=str)
def test_cut_takes_the_spans_and_nothing_else(step: object, tmp_path: Path) -> None:
    texts = site(120)
    pool = write(tmp_path / "pool", texts)
    result = refine(pool, tmp_path / "out", step)
    label = step if isinstance(step, str) else next(iter(step))
    copied = {row["doc"]: row for row in tables(result.output, "clusters")}
    spans = {doc: [(s["start"], s["stop"]) for s in row["spans"]] for doc, row in copied.items()}
    rows, written = tables(result.output, "ledger"), tables(result.output, "data")
    assert len(rows) == 120 == result.manifest["documents"]["in"]
    assert {row["doc"] for row in rows if row["status"] == "kept"} == {row["doc"] for row in written}
    number = {row["doc"]: int(row["id"].removeprefix("d")) for row in rows}
    by_doc = {row["doc"]: row for row in written}
    for row in rows:
        left = without(texts[number[row["doc"]]], spans.get(row["doc"], []))
        assert row["edits"] == ([label] if row["doc"] in spans else [])
        if left.strip():
            text = by_doc[row["doc"]]["text"]
            # White space at a cut inside of a line may change.
            assert text == left if label != "substring" else text.split() == left.split()
            assert row["bytes_out"] == len(text.encode())
        else:
            assert (row["step"], row["reason"]) == (label, "empty-text")
    assert len(spans) > 20
    assert result.manifest["documents"]["dropped"] == sum(row["status"] == "dropped" for row in rows)


def test_a_run_cuts_what_the_definition_says(tmp_path: Path) -> None:
    texts = site(80)
    pool = write(tmp_path / "pool", texts)
    for step, expected in (
        ({"lines": {"min_characters": 20}}, reference.copied_units(texts, "line", 20, False)),
        ({"substring": {"min_bytes": 60, "whole": "graphemes"}}, reference.copied_passages(texts, 60)),
    ):
        result = refine(pool, tmp_path / next(iter(step)), step, target_shard_bytes=10_000)
        spans = [
            [(span["start"], span["stop"]) for span in row["spans"]]
            for row in tables(result.output, "clusters")
        ]
        assert spans == [expected[doc] for doc in sorted(expected)]


def test_documents_that_are_mostly_copied_are_dropped(tmp_path: Path) -> None:
    own = [prose(random.Random(n), 40) + "\n" for n in range(3)]
    texts = [own[0], own[0] + own[1], own[0] + own[1] + own[2], own[0] + own[1]]
    pool = write(tmp_path / "pool", texts)
    for action in ("drop", "cut"):
        step = {"lines": {"action": action, "max_copied_fraction": 0.6}}
        result = refine(pool, tmp_path / action, step)
        status = {row["id"]: row for row in tables(result.output, "ledger")}
        assert [status[f"d{n}"]["status"] for n in range(4)] == ["kept", "kept", "dropped", "dropped"]
        assert status["d3"]["reason"] == "mostly-copied"
        assert status["d3"]["step"] == "lines"
        assert (status["d3"]["value"], status["d3"]["limit"]) == ("100.0% copied", "at most 60.0% copied")
        assert status["d3"]["survivor"] == "d0"
        kept = {row["id"]: row["text"] for row in tables(result.output, "data")}
        assert kept == {"d0": own[0], "d1": own[1] if action == "cut" else texts[1]}


def test_no_text_is_lost_where_two_deduplications_share_a_pass(tmp_path: Path) -> None:
    """The longer near copy is dropped as mostly copied, so that it cannot stand for the shorter."""
    lines = [prose(random.Random(n), 12) for n in range(12)]
    first = "\n".join(lines) + "\n"
    pool = write(tmp_path / "pool", [first, first + lines[0] + "\n"])
    step = {"lines": {"action": "drop", "max_copied_fraction": 0.5}}
    result = refine(pool, tmp_path / "out", step, {"minhash": {"keep": "longest"}})
    assert [row["id"] for row in tables(result.output, "data")] == ["d0"]


@pytest.mark.parametrize("name", ["lines", "substring", "bloom"])
def test_mark_keeps_all_texts_and_carries_the_spans(name: str, tmp_path: Path) -> None:
    texts = site(60)
    pool = write(tmp_path / "pool", texts)
    marked = refine(pool, tmp_path / "marked", {name: {"action": "mark", "max_copied_fraction": 0.1}})
    cut = refine(pool, tmp_path / "cut", name)
    rows = tables(marked.output, "data")
    assert [row["text"] for row in rows] == texts
    assert all(row["edits"] == [] for row in tables(marked.output, "ledger"))
    left = {row["id"]: row["text"] for row in tables(cut.output, "data")}
    for row in rows:
        spans = [(span["start"], span["stop"]) for span in row[f"{name}_spans"] or ()]
        shorter = without(row["text"], spans)
        assert left.get(row["id"], "").strip() == shorter.strip()
        copied = sum(stop - start for start, stop in spans)
        assert (row[f"{name}_score"] or 0) == copied / len(row["text"].encode())


def test_the_next_deduplication_sees_the_cut_text(tmp_path: Path) -> None:
    """Pages that share nothing but a long menu are no near duplicates once it is cut."""
    menu = "".join(f"{prose(random.Random(n), 15)}\n" for n in range(40))
    texts = [menu + prose(random.Random(100 + n), 15) + "\n" for n in range(6)]
    pool = write(tmp_path / "pool", texts)
    alone = refine(pool, tmp_path / "alone", "minhash")
    assert alone.manifest["documents"]["kept"] == 1
    both = refine(pool, tmp_path / "both", "lines", "minhash")
    assert both.manifest["documents"]["kept"] == 6
    kept = tables(both.output, "data")
    assert kept[0]["text"] == texts[0]
    assert all(row["text"] == texts[n].removeprefix(menu) for n, row in enumerate(kept) if n)
    marking = {"lines": {"action": "mark"}}
    marked = refine(pool, tmp_path / "marked", marking, "minhash")
    assert marked.manifest["documents"]["kept"] == 1


def test_signals_are_measured_again_after_a_cut(tmp_path: Path) -> None:
    pool = write(tmp_path / "pool", [MENU + "Four words stand here.", MENU + "Two more."])
    result = refine(pool, tmp_path / "out", "counts", "lines", {"length": {"min_words": 4}})
    rows = {row["id"]: row for row in tables(result.output, "ledger")}
    assert rows["d0"]["status"] == "kept"
    assert (rows["d1"]["step"], rows["d1"]["reason"]) == ("length", "min_words")
    assert rows["d1"]["edits"] == ["lines"]


@pytest.mark.parametrize("name", ["lines", "substring", "bloom"])
def test_the_hash_does_not_depend_on_how_the_work_is_cut(
    name: str, make_pool: Callable[..., Path], tmp_path: Path
) -> None:
    pool = make_pool(500, 5)
    hashes = set()
    for size in (10_000, 77_000, 1 << 30):
        result = refine(pool, tmp_path / f"{size}", name, "minhash", target_shard_bytes=size)
        hashes.add((result.manifest["content_hash"], result.manifest["documents"]["kept"]))
    assert len(hashes) == 1


STEPS = ["lines", "substring", {"bloom": {"action": "mark"}}, "minhash"]


def command(pool: Path, output: Path) -> list[str]:
    recipe = output.parent / "recipe.yaml"
    recipe.write_text(cupel.Recipe.from_dict({"name": "copies", "steps": STEPS}).to_yaml())
    program = str(Path(sys.executable).with_name("cupel"))
    places = ["--input", str(pool), "--output", str(output), "--shard-size", "40kB"]
    return [program, "refine", str(recipe), *places]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict]:
    """A pool, and the manifest of a run that nobody killed."""
    folder = tmp_path_factory.mktemp("whole")
    write_pool(folder / "pool", documents=1500, files=4)
    done = subprocess.run(command(folder / "pool", folder / "out"), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder / "pool", json.loads((folder / "out" / "manifest.json").read_text())


@pytest.mark.slow
@pytest.mark.parametrize("label", ["lines", "substring"])
def test_a_kill_while_copies_are_looked_for(label: str, whole: tuple[Path, dict], tmp_path: Path) -> None:
    pool, manifest = whole
    output = tmp_path / "killed"
    process = subprocess.Popen(
        command(pool, output), start_new_session=True, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    )
    scratch = output / "_work" / f"scratch-{label}"
    while not scratch.exists() and process.poll() is None:
        time.sleep(0.0005)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert not (output / "manifest.json").exists()
    again = subprocess.run(command(pool, output), capture_output=True, text=True)
    assert again.returncode == 0, again.stderr
    rerun = json.loads((output / "manifest.json").read_text())
    assert rerun["content_hash"] == manifest["content_hash"]
    assert rerun["documents"] == manifest["documents"]
    assert not list(output.rglob("scratch-*"))


def test_a_step_without_effect_says_so(tmp_path: Path) -> None:
    pool = write(tmp_path / "pool", [prose(random.Random(n), 60) for n in range(5)])
    result = refine(pool, tmp_path / "out", "lines", "substring", "bloom")
    sections = [
        section for section in result.page().sections if section.title.startswith(("Copied", "Seen before"))
    ]
    assert len(sections) == 3
    for section in sections:
        assert "no effect" in section.lead
        assert any(isinstance(block, Prose) and "no effect" in block.text for block in section.blocks)
    assert result.manifest["documents"]["kept"] == 5


def test_the_report_counts_what_was_cut(tmp_path: Path) -> None:
    pool = write(tmp_path / "pool", [MENU + f"Page number {n} of the site." for n in range(10)])
    page = refine(pool, tmp_path / "out", "lines").page()
    (section,) = [section for section in page.sections if section.title == "Copied lines"]
    facts = dict(next(block for block in section.blocks if isinstance(block, Facts)).facts)
    assert facts["with copied parts"] == "9"
    assert facts["copied bytes"] == str(9 * len(MENU.encode()))


@pytest.mark.parametrize(
    ("step", "error", "said"),
    [
        ({"substring": {"min_bytes": 3}}, BadOption, "substring: option 'min_bytes' is 3"),
        ({"bloom": {"unit": "sentence"}}, BadOption, "bloom: option 'unit' is 'sentence'"),
        ({"lines": {"max_copied_fracton": 0.5}}, UnknownName, "did you mean 'max_copied_fraction'"),
        ({"lines": {"keep": "longest"}}, UnknownName, "keep"),
    ],
)
def test_mistakes_in_a_recipe_are_named(step: dict, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        cupel.Recipe.from_dict({"name": "x", "steps": [step]})


class Heard(Silent):
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


def test_what_a_step_takes_is_said_before_it_starts(tmp_path: Path) -> None:
    pool = write(tmp_path / "pool", site(40))
    heard = Heard()
    result = refine(pool, tmp_path / "out", "exact", "minhash", progress=heard)
    kept = 40 - sum(row["step"] == "exact" for row in tables(result.output, "ledger"))
    assert heard.notes[0].startswith("exact: 40 documents take about 2.56 kB of memory (")
    assert heard.notes[1].startswith(f"minhash: {kept} documents take about ")
    assert " of disk" in heard.notes[1]


def test_without_room_for_temporary_files_nothing_is_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = write(tmp_path / "pool", site(40))
    minhash = find_method("minhash", Dedup)
    monkeypatch.setattr(minhash, "need", lambda *_: Need(0, scratch_bytes=1 << 60))
    with pytest.raises(RunFailed, match=r"minhash: 40 documents take about .* of disk in .*make room"):
        refine(pool, tmp_path / "out", "minhash")
    assert not list((tmp_path / "out" / "_work").glob("scratch-*"))
    monkeypatch.undo()
    assert refine(pool, tmp_path / "out", "minhash").manifest["documents"]["in"] == 40


@pytest.mark.parametrize("step", ["exact", "minhash", "simhash", "lines", "substring", "bloom"])
@pytest.mark.parametrize("weighs", [False, True])
def test_a_document_of_weight_0_displaces_none_that_counts(step: str, weighs: bool, tmp_path: Path) -> None:
    """Whatever decides among the others: it is the longest and the first, of the source that is named first."""
    text = prose(random.Random(3), 60)
    pool = tmp_path / "pool"
    pool.mkdir()
    rows = [
        {"id": "nothing", "text": text + "  ", "source": "best", "weight": 0.0},
        {"id": "counts", "text": text, "source": "web", "weight": 0.5},
        {"id": "nothing more", "text": text, "source": "web", "weight": 0},
    ]
    (pool / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    steps: list[object] = [{step: {"sources": ["best"]}}]
    if weighs:
        steps.append({"exact": {"action": "weigh"}})
    result = refine(pool, tmp_path / "out", *steps)
    assert [row["id"] for row in tables(result.output, "data")] == ["counts"]


def test_an_index_remembers_no_document_of_weight_0(tmp_path: Path) -> None:
    text = prose(random.Random(4), 60)
    index = str(tmp_path / "index")
    for step in ("exact", "minhash"):
        for day, weight in enumerate([0, 1]):
            pool = tmp_path / f"{step}{day}"
            pool.mkdir()
            row = {"id": f"day {day}", "text": text, "weight": weight}
            (pool / "rows.jsonl").write_text(json.dumps(row) + "\n")
            result = refine(pool, tmp_path / f"{step}-out{day}", {step: {"index": index}})
            assert result.manifest["documents"]["kept"] == 1
