"""Programs of a fitted classifier: what teaches it, what it removes, and that it removes nothing else."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

import cupel
from cupel.contract import Edited, Resources
from cupel.edits.line_programs import LinePrograms, program, with_blank
from cupel.edits.program_edits import Bounds, carry_out, parse
from cupel.edits.programs.alignment import missing_lines
from cupel.edits.programs.held_out import line_measures
from cupel.errors import BadInput, BadOption
from tests.conftest import prose
from tests.models.server import serving

MENU = [
    "Home",
    "About us",
    "Log in | Register",
    "Follow us on 東京",
    "Cookies: accept all",
    "Share this",
    "© 2024 Café",
]
SPAM = ["Cheap pills here", "Buy cheap now", "Click for casino bonus", "Win big money"]


def page(rng: random.Random) -> tuple[str, str]:
    clean = prose(rng, rng.randint(60, 120)).split("\n")
    lines = [*rng.sample(MENU, 3), "", *clean]
    lines.insert(rng.randint(5, len(lines)), rng.choice(MENU))
    return "\n".join([*lines, *rng.sample(MENU, 2)]), "\n".join(clean)


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("\n".join(map(json.dumps, rows)), "utf-8")
    return path


def rows(number: int, seed: int = 0, dropped: int = 0) -> list[dict[str, Any]]:
    rng = random.Random(seed)
    made = [dict(zip(("text", "clean"), page(rng), strict=True)) for _ in range(number)]
    made += [{"text": "\n".join(rng.choices(SPAM, k=6)), "clean": ""} for _ in range(dropped)]
    return [
        {"id": str(place), "url": f"https://s{place % 23}.example/{place}", **row}
        for place, row in enumerate(made)
    ]


@pytest.fixture(scope="module")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> cupel.FittedArtifact:
    folder = tmp_path_factory.mktemp("programs")
    pairs = write(folder / "pairs.jsonl", rows(120, dropped=60))
    return cupel.fit("line-programs", output=folder / "model", options={"pairs": [str(pairs)]})


@pytest.fixture(scope="module")
def edit(artifact: cupel.FittedArtifact) -> Callable[..., Edited]:
    def run(texts: list[str | None], **options: Any) -> Edited:
        method = LinePrograms.from_options({"artifact": str(artifact.folder), **options})
        return method.prepare(Resources())(pa.record_batch({"text": pa.array(texts, pa.large_string())}))

    return run


def test_new_pages_are_cleaned(edit: Callable[..., Edited]) -> None:
    pages = rows(30, seed=5)
    new = edit([row["text"] for row in pages]).text.to_pylist()
    predicted = np.concatenate(
        [missing_lines(row["text"], text) for row, text in zip(pages, new, strict=True)]
    )
    expected = np.concatenate([missing_lines(row["text"], row["clean"]) for row in pages])
    assert line_measures(predicted, expected)[2] > 0.97


def test_what_it_says_of_itself(artifact: cupel.FittedArtifact) -> None:
    about = artifact.about["about"]
    assert about["line_f1"] > 0.95
    assert about["drop_auroc"] > 0.95
    assert about["drop_calibration_error"] < 0.2
    assert about["pages"] == 180
    assert "F1 of removed lines" in str(artifact.page())
    assert "Calibration" in str(artifact.page())


def test_documents_are_dropped(edit: Callable[..., Edited]) -> None:
    spam, good = "\n".join(SPAM), rows(1, seed=9)[0]["text"]
    edited = edit([spam, good])
    assert edited.text.to_pylist()[0] == ""
    assert edited.text.to_pylist()[1]
    assert edited.columns["line_program"].to_pylist()[0] == "drop_doc()"
    low, high = edited.columns["line_program_drop_probability"].to_pylist()[::-1]
    assert low < 0.5 < high
    assert edit([spam], min_drop_probability=1.0).text.to_pylist() != [""]


HOSTILE = ["", None, "\n\n", "x" * 1_000_000, "\x00\x01\n\x7f", "🤰\n東京\r\nHome", "Home\n" * 300]


@given(
    st.lists(
        st.sampled_from([*MENU, *SPAM, "", " ", "Rain fell all over the old town that day.", "\t東京"]),
        max_size=12,
    )
)
def test_no_line_goes_that_no_call_names(edit: Callable[..., Edited], lines: list[str]) -> None:
    check_program("\n".join(lines), edit(["\n".join(lines)]))


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: repr(text)[:12])
def test_hostile_texts(edit: Callable[..., Edited], text: str | None) -> None:
    check_program(text or "", edit([text]))


def check_program(text: str, edited: Edited) -> None:
    new, written = edited.text[0].as_py(), edited.columns["line_program"][0].as_py()
    lines = text.split("\n")
    if written is None:
        assert (new, edited.columns["line_program_refused"].to_pylist()) == (text, [1])
        return
    calls = parse(written) or []
    assert calls
    if calls[0].name == "drop_doc":
        assert new == ""
        return
    removed = {
        number
        for call in calls
        if call.name == "remove_lines"
        for number in range(int(call.arguments[0]), int(call.arguments[1]) + 1)
    }
    assert new == "\n".join(line for number, line in enumerate(lines) if number not in removed)
    assert edited.columns["line_program_removed_lines"].to_pylist() == [len(removed)]


@given(st.sets(st.integers(0, 30)), st.integers(32, 40))
def test_a_program_removes_its_lines_and_no_others(numbers: set[int], size: int) -> None:
    text = "\n".join(f"line {number}" for number in range(size))
    result = carry_out(program(sorted(numbers)), text, Bounds(removed=1.0))
    assert result == "\n".join(f"line {number}" for number in range(size) if number not in numbers)


@given(st.lists(st.sampled_from(["keep", "remove", "blank"]), min_size=1, max_size=12))
def test_a_blank_line_goes_where_its_neighbors_go(kinds: list[str]) -> None:
    filled = [(place, kind == "remove") for place, kind in enumerate(kinds) if kind != "blank"]
    numbers = np.array([place for place, _ in filled], np.int64)
    removed = np.array([remove for _, remove in filled], np.bool_)
    chosen = set(with_blank(numbers, removed, len(kinds)))
    for place, kind in enumerate(kinds):
        if kind != "blank":
            assert (place in chosen) == (kind == "remove")
            continue
        before = [kind for kind in reversed(kinds[:place]) if kind != "blank"]
        after = [kind for kind in kinds[place + 1 :] if kind != "blank"]
        goes = [part[0] == "remove" for part in (before, after) if part]  # the neighbors that there are
        at_an_end = any(set(part) == {"remove"} for part in (before, after))
        assert (place in chosen) == ((bool(goes) and all(goes)) or at_an_end)


def test_a_program_beyond_the_bounds_is_refused(edit: Callable[..., Edited]) -> None:
    text = rows(1, seed=3)[0]["text"]
    edited = edit([text], max_removed=0.001)
    assert edited.text.to_pylist() == [text]
    assert edited.columns["line_program_refused"].to_pylist() == [1]


def test_no_text_depends_on_its_neighbors(edit: Callable[..., Edited]) -> None:
    texts = [*(row["text"] for row in rows(20, seed=7, dropped=3)), *HOSTILE]
    together = edit(texts)
    for place, text in enumerate(texts):
        alone = edit([text])
        assert alone.text[0] == together.text[place]
        for name, column in together.columns.items():
            assert alone.columns[name][0].as_py() == column[place].as_py(), name
    assert edit([]).text.to_pylist() == []


def test_the_same_pairs_give_the_same_bytes(
    artifact: cupel.FittedArtifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUPEL_CACHE", str(tmp_path / "cache"))
    pairs = write(tmp_path / "pairs.jsonl", rows(120, dropped=60))
    again = cupel.fit(
        "line-programs",
        output=tmp_path / "again",
        options={"pairs": [str(pairs)]},
        engine=cupel.Engine(cores=1),
    )
    assert again.about["files"] == artifact.about["files"]


def test_programs_teach_as_clean_text_does(tmp_path: Path) -> None:
    taught = []
    for row in rows(60):
        missing = np.flatnonzero(missing_lines(row["text"], row["clean"]))
        calls = "\n".join(map(str, program(missing.tolist())))
        taught.append({key: row[key] for key in ("id", "url", "text")} | {"programs": calls or "keep_doc()"})
    made = cupel.fit(
        "line-programs",
        output=tmp_path / "model",
        options={"pairs": [str(write(tmp_path / "programs.jsonl", taught))]},
    )
    assert made.about["about"]["line_f1"] > 0.95


def test_a_model_teaches(tmp_path: Path) -> None:
    """An endpoint writes programs for a sample of the corpus; what cannot be read teaches nothing."""
    pool = write(tmp_path / "pool.jsonl", [{"id": row["id"], "text": row["text"]} for row in rows(70)])

    def reply(prompt: str) -> str:
        lines = prompt.split("[000] ", 1)[1].split("\n")
        lines[0] = f"[000] {lines[0]}"
        noise = [number for number, line in enumerate(lines) if line.partition("] ")[2] in MENU]
        return "\n".join(map(str, program(noise))) if len(prompt) % 7 else "I would keep it."

    with serving() as server:
        server.reply = reply
        options = {"model": f"openai:{server.base}#m", "sample": 60}
        made = cupel.fit("line-programs", input=[pool], output=tmp_path / "model", options=options)
    about = made.about["about"]
    assert about["pages"] + about["refused_programs"] == 60
    assert about["refused_programs"] > 0
    assert about["line_f1"] > 0.9


def test_in_a_run(artifact: cupel.FittedArtifact, tmp_path: Path) -> None:
    good = rows(1, seed=11)[0]
    pool = write(
        tmp_path / "pool.jsonl",
        [{"id": "good", "text": good["text"]}, {"id": "spam", "text": "\n".join(SPAM)}],
    )
    recipe = cupel.Recipe.from_dict(
        {
            "name": "r",
            "steps": [
                {"line-programs": {"artifact": str(artifact.folder)}},
                {"where": "line_program_refused = 0"},
            ],
        }
    )
    result = cupel.refine(recipe, input=pool, output=tmp_path / "out")
    assert pq.read_table(tmp_path / "out/data").column("text").to_pylist() == [good["clean"]]
    reasons = {row["id"]: row["reason"] for row in result.ledger().to_arrow().to_pylist()}
    assert reasons["spam"] == "empty-text"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "name 'pairs' or a 'model' to learn from"),
        ({"pairs": ["a"], "model": "openai:http://h/v1#m"}, "name 'pairs' or a 'model' to learn from"),
        ({"model": "gguf:nowhere.gguf"}, "no such file"),
        ({"pairs": ["a"], "match": "letters"}, "'match'"),
    ],
)
def test_options_are_checked(options: dict[str, Any], message: str) -> None:
    with pytest.raises(BadOption, match=message):
        LinePrograms.from_options(options)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"text": "a"}, r"pairs\.jsonl, row 0: expected 'clean'.*its fields are text"),
        ({"text": "a", "clean": 3}, "expected 'clean'"),
        ({"text": "a", "programs": "I would keep it."}, "'programs' holds no call"),
        ({"text": "a", "clean": "a"}, "there are 1 pages to learn from; expected 40 or more"),
    ],
)
def test_rows_that_teach_nothing_are_named(tmp_path: Path, row: dict[str, Any], message: str) -> None:
    with pytest.raises(BadInput, match=message):
        cupel.fit(
            "line-programs",
            output=tmp_path / "model",
            options={"pairs": [str(write(tmp_path / "pairs.jsonl", [row]))]},
        )


def test_a_damaged_artifact_says_so(artifact: cupel.FittedArtifact, tmp_path: Path) -> None:
    for file in artifact.folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "model.json").write_text("{}")
    with pytest.raises(BadInput, match=r"model\.json.*fit line-programs again"):
        LinePrograms.from_options({"artifact": str(tmp_path)}).prepare(Resources())


@pytest.mark.slow
def test_real_pages_with_planted_noise(shared: Path, tmp_path: Path) -> None:
    """Noise of other sites than those that taught it: F1 of removed lines above 0.9."""
    from cupel.reproduction.noise import planted_pages

    pages = planted_pages(shared / "data", ("news", "wiki_en"), 1000, seed=0)
    pairs = [
        {"id": str(number), "text": page.text, "clean": page.clean}
        for number, page in enumerate(pages["train"])
    ]
    options = {"pairs": [str(write(tmp_path / "pairs.jsonl", pairs))]}
    made = cupel.fit("line-programs", output=tmp_path / "model", options=options)
    run = LinePrograms.from_options({"artifact": str(made.folder), "max_removed": 1.0}).prepare(Resources())
    new = run(pa.record_batch({"text": pa.array([page.text for page in pages["test"]], pa.large_string())}))
    removed, expected = [], []
    for page, text in zip(pages["test"], new.text.to_pylist(), strict=True):
        filled = np.array([bool(line.strip()) for line in page.text.split("\n")])
        removed.append(missing_lines(page.text, text)[filled])
        expected.append(np.array(page.planted)[filled])
    assert min(line_measures(np.concatenate(removed), np.concatenate(expected))) > 0.9
