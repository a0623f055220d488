"""The same decisions as the reference, on real documents."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest

pytest.importorskip("datatrove")
pytest.importorskip("spacy")


@pytest.fixture(scope="module", params=[100, pytest.param(800, marks=pytest.mark.slow)])
def documents(request: pytest.FixtureRequest, shared: Path, agreement: ModuleType) -> list:
    documents = agreement.read_documents(shared, request.param)
    assert len(documents) >= request.param * 0.95
    return documents


def test_all_domains_are_there(documents: list) -> None:
    assert len({document.id for document in documents}) == len(documents)


def test_same_words_same_decisions_and_reasons(documents: list, agreement: ModuleType) -> None:
    with agreement.our_words():
        comparisons = agreement.compare(documents)
    for comparison in comparisons:
        assert 0 < comparison.kept_by_ours < comparison.documents
        assert comparison.deviations == (), comparison.rule_set
        assert comparison.reason_only == (), comparison.rule_set


def test_own_words_agree_on_98_percent(documents: list, agreement: ModuleType) -> None:
    with agreement.own_words():
        agreements = {c.rule_set: c.agreement for c in agreement.compare(documents)}
    assert min(agreements.values()) >= agreement.TARGET_OWN_WORDS, agreements


def test_other_thresholds_would_be_noticed(documents: list, agreement: ModuleType) -> None:
    """A comparison that cannot fail shows nothing: a shifted threshold must deviate."""
    from datatrove.pipeline.filters import GopherQualityFilter

    ours, _ = agreement.our_verdicts("gopher-quality", [document.text for document in documents])
    with agreement.our_words():
        theirs, _ = agreement.their_verdicts(GopherQualityFilter(min_doc_words=100), documents)
    assert [verdict.kept for verdict in ours] != [verdict.kept for verdict in theirs]
