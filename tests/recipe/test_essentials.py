"""What a run says once it has ended: alarms by their bounds, the reasons that dropped the most, what to type next."""

from __future__ import annotations

from typing import Any

import pytest

from cupel.findings import Code, Prose, Table
from cupel.recipe.essentials import REASONS, run_alarms, summary


def drop(step: str, reason: str, documents: int, **more: Any) -> dict[str, Any]:
    record = {"step": step, "reason": reason, "signal": None, "keeps_when": "", "documents": documents}
    return record | {"bytes": 10 * documents, "example": f"id of {reason}"} | more


def counts(kept: int, dropped: int = 0, quarantined: int = 0) -> dict[str, int]:
    everything = kept + dropped + quarantined
    return {"in": everything, "generated": 0, "kept": kept, "dropped": dropped, "quarantined": quarantined}


def texts(*arguments: Any) -> list[str]:
    return [alarm.text for alarm in run_alarms(*arguments)]


@pytest.mark.parametrize(("quarantined", "alarmed"), [(10, False), (11, True)])
def test_more_than_a_tenth_in_quarantine_alarms(quarantined: int, alarmed: bool) -> None:
    raised = texts(
        counts(100 - quarantined, 0, quarantined), [], {"too-large": 1, "bad-json": quarantined - 1}
    )
    assert bool(raised) == alarmed
    assert not raised or "mostly for 'bad-json'" in raised[0]


def test_nothing_kept_names_the_step_that_dropped_the_most() -> None:
    drops = [drop("language", "languages", 5), drop("gopher", "min_words", 4), drop("gopher", "max_words", 4)]
    (raised,) = texts(counts(0, 13), drops, {})
    assert "'gopher' dropped the most, 8" in raised
    assert texts(counts(1, 12), drops, {}) == []
    assert texts(counts(0), [], {}) == ["The input holds no documents."]
    assert "All went to quarantine." in texts(counts(0, 0, 3), [], {"bad-json": 3})[0]


def test_the_summary_has_five_reasons_with_thresholds_and_what_to_type_next() -> None:
    drops = [
        drop("s", f"rule-{n}", 100 - n, signal="word_count", keeps_when="word_count ≥ 50") for n in range(7)
    ]
    manifest = {
        "documents": counts(1000, 679, 0),
        "bytes": {"text_out": 4000},
        "seconds": 1.0,
        "dropped_by": drops,
        "quarantined_by": {"bad-json": 2},
        "left_out": [],
    }
    sections = {section.key: section for section in summary(manifest, "my out", report=True)}
    table, more = sections["dropped"].blocks
    assert isinstance(table, Table)
    assert len(table.rows) == REASONS
    assert table.rows[0][:3] == ("s: rule-0", "≥ 50", 100)
    assert isinstance(more, Prose)
    assert more.text.startswith("2 more reasons dropped 189")
    (next_,) = sections["next"].blocks
    assert isinstance(next_, Code)
    assert next_.text.splitlines() == [
        "cupel sample 'my out' --dropped-by s",
        "cupel why 'my out' 'id of rule-0'",
        "my out/report.html",
    ]
    assert "my out/quarantine/*.jsonl" in str(sections["quarantine"].blocks[1])
