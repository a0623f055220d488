"""Golden vectors: text → the signal's value → the verdict, for every rule of the web sets."""

from __future__ import annotations

import pyarrow as pa
import pytest

from cupel import _kernels
from cupel.methods import find_method
from cupel.rules import Decision, RuleSet
from tests.rules.golden import GOLDEN, PROSE, Golden

SETS = ("gopher-quality", "gopher-repetition", "fineweb", "c4")


def decide(name: str, text: str) -> tuple[RuleSet, Decision]:
    rule_set = find_method(name, "rules").from_options({})
    assert isinstance(rule_set, RuleSet)
    batch = pa.RecordBatch.from_pydict({"text": pa.array([text], pa.large_string())})
    if rule_set.needs_edit:
        edited = find_method(rule_set.needs_edit, "edit").from_options({}).edit(batch)
        signals = pa.RecordBatch.from_pydict(dict(edited.columns))
    else:
        signals = pa.record_batch(_kernels.measure(batch.column("text"), list(rule_set.signals)))
    return rule_set, rule_set.decide(signals)


def reference_reason(name: str, text: str) -> str:
    """Why datatrove's filter drops the text when it is given our words; empty: it keeps it."""
    filters = pytest.importorskip("datatrove.pipeline.filters")
    data = pytest.importorskip("datatrove.data")
    from tests.rules.test_agreement import agreement

    filter_ = {
        "gopher-quality": filters.GopherQualityFilter,
        "gopher-repetition": filters.GopherRepetitionFilter,
        "fineweb": filters.FineWebQualityFilter,
        "c4": filters.C4QualityFilter,
    }[name]()
    with agreement.our_words():
        answer = filter_.filter(data.Document(text=text, id="golden"))
    return answer[1] if isinstance(answer, tuple) else ""


@pytest.mark.parametrize("golden", GOLDEN, ids=lambda golden: f"{golden.rule_set}.{golden.rule}")
def test_golden(golden: Golden) -> None:
    rule_set, decision = decide(golden.rule_set, golden.text)
    reason = decision.reason(0)
    assert reason is not None
    assert reason.rule == golden.rule
    assert reason.value == pytest.approx(float(golden.value), rel=1e-12, abs=1e-12)
    reference = next(rule.reference for rule in rule_set.rules if rule.name == golden.rule)
    assert reference_reason(golden.rule_set, golden.text) == reference


@pytest.mark.parametrize("name", SETS)
def test_prose_passes(name: str) -> None:
    assert decide(name, PROSE)[1].reason(0) is None
    assert reference_reason(name, PROSE) == ""


def test_every_rule_with_a_reference_has_a_golden_vector() -> None:
    have = {(golden.rule_set, golden.rule) for golden in GOLDEN}
    for name in SETS:
        for rule in find_method(name, "rules").rules:
            if rule.reference and rule.threshold is not None:
                assert (name, rule.name) in have
