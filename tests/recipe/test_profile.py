"""`inspect`: what a pool holds, in a few lines, and which recipes would fit it."""

from __future__ import annotations

import json
import random
from pathlib import Path

from cupel.findings import Facts, Table
from cupel.recipe.profile import Profile, inspect
from cupel.recipe.profile_summary import Measured, fitting_recipes
from tests.conftest import prose


def commands(measured: Measured) -> list[str]:
    return [command for command, _ in fitting_recipes(measured)]


def test_recipes_follow_from_what_was_measured() -> None:
    assert commands(Measured(english=0.9, code=0.0, pages=0.9, conversations=0.0))[0] == "refine fineweb"
    assert commands(Measured(english=0.9, code=0.0, pages=0.0, conversations=0.0))[0] == "refine gopher"
    assert commands(Measured(english=0.9, code=0.9, pages=0.0, conversations=0.0))[0] == "refine code"
    german = Measured(english=0.1, code=0.0, pages=0.9, conversations=0.0, main_language="de")
    assert commands(german)[0] == "refine fineweb --set language.languages=[de]"
    assert commands(Measured(1.0, 0.0, 0.0, conversations=1.0)) == ["dedup --by exact --by minhash"]


def parts(profile: Profile) -> tuple[dict[str, str], list[Table]]:
    (section,) = profile.page.summary
    facts = {
        name: value for block in section.blocks if isinstance(block, Facts) for name, value in block.facts
    }
    return facts, [block for block in section.blocks if isinstance(block, Table)]


def test_conversations_are_recognized(tmp_path: Path) -> None:
    turns = [{"role": "user", "content": "Where is 東京?"}, {"role": "assistant", "content": "In Japan."}]
    (tmp_path / "chat.jsonl").write_text(json.dumps({"id": 7, "messages": turns}) + "\n")
    facts, tables = parts(inspect([str(tmp_path)]))
    assert facts["files"].startswith("1 jsonl, layout 'messages'")
    assert ("id", "int64", "7") in tables[0].rows
    assert "東京" in str(tables[1].rows)
    assert tables[2].rows[0][0] == "dedup --by exact --by minhash"


def test_copies_lengths_and_fields_are_counted(tmp_path: Path) -> None:
    rng = random.Random(3)
    rows = [{"text": prose(rng, 200), "stars": n} for n in range(9)]
    (tmp_path / "pool.jsonl").write_text("".join(json.dumps(row) + "\n" for row in [*rows, rows[0]]))
    profile = inspect([str(tmp_path)])
    facts, tables = parts(profile)
    assert facts["documents"].startswith("10, ")
    assert facts["duplicates"] == "exact copies 10.0 %, exact or near copies 10.0 %"
    assert facts["characters"].startswith("5 % ≤ 9")
    assert ("stars", "int64", "0") in tables[0].rows
    shown = [
        block for section in profile.page.sections for block in section.blocks if isinstance(block, Table)
    ]
    assert shown
    assert not {name for table in shown for name in table.columns} & {"kept", "share kept", "dropped"}
