"""Every method that chooses data says what it looks at, how it chooses, and for which stage."""

from __future__ import annotations

import pytest

from cupel.cards import card_markdown
from cupel.contract import (
    MECHANISMS,
    STAGES,
    TRAINING,
    UTILITIES,
    Asks,
    Body,
    Dedup,
    Edit,
    Fitted,
    Generator,
    Method,
    Rules,
    Selector,
    Signal,
    Study,
    all_methods,
)

CHOOSES = (Signal, Rules, Edit, Dedup, Selector, Generator)


@pytest.mark.parametrize(
    "name", [name for name, method in all_methods().items() if issubclass(method, CHOOSES)]
)
def test_a_method_that_chooses_data_names_all_three(name: str) -> None:
    method = all_methods()[name]
    assert method.utility in UTILITIES
    assert method.mechanism in MECHANISMS
    assert method.stages
    assert set(method.stages) <= set(STAGES)
    assert list(method.stages) == [stage for stage in STAGES if stage in method.stages], (
        "in the order of training"
    )
    assert f"- Utility: {method.utility} (" in card_markdown(method)


def test_what_chooses_nothing_names_none() -> None:
    llama = all_methods()["llama"]
    assert (llama.utility, llama.mechanism, llama.stages) == (None, None, ())
    assert "taxonomy" not in card_markdown(llama)


@pytest.mark.parametrize(
    ("name", "utility", "mechanism"),
    [
        ("language-id", "language", "measure"),
        ("gopher-quality", "heuristics", "threshold"),
        ("perplexity", "quality", "measure"),
        ("program-edits", "quality", "edit"),
        ("minhash", "deduplication", "cluster"),
        ("substring", "deduplication", "edit"),
        ("softdedup", "deduplication", "weigh"),
        ("semdedup", "deduplication", "cluster"),
        ("k-center", "diversity", "cover"),
        ("sample", "any", "sample"),
        ("percentile", "any", "rank"),
        ("pii", "toxicity", "edit"),
        ("rephrase", "quality", "write"),
        ("random-mixtures", "mixing", "mix"),
        ("cartography", "influence", "measure"),
        ("url-blocklist", "toxicity", "threshold"),
    ],
)
def test_where_methods_stand(name: str, utility: str, mechanism: str) -> None:
    method = all_methods()[name]
    assert (method.utility, method.mechanism) == (utility, mechanism)


def test_the_language_of_a_document_counts_wherever_documents_are_trained_on() -> None:
    assert all_methods()["language"].stages == TRAINING
    assert "in-context learning" not in TRAINING


def made(kind: type[Method], **attributes: object) -> type[Method]:
    """A class of a kind, with what the kind wants of it."""
    return type("Café", (kind,), {"name": "cafe", "measure": print, "edit": print, **attributes})


@pytest.mark.parametrize("mixin", [Asks, Fitted])
@pytest.mark.parametrize("kind", [Signal, Edit])
def test_what_asks_or_learns_judges_quality_unless_it_says_of_what(
    kind: type[Method], mixin: type[Method]
) -> None:
    assert made(kind).utility == "heuristics"
    both = type("Both", (mixin, kind), {"measure": print, "edit": print})
    assert made(both).utility == "quality"
    assert made(both, utility="toxicity").utility == "toxicity"
    assert type("Below", (made(both, utility="toxicity"),), {}).utility == "toxicity"


def test_a_mechanism_follows_from_what_is_found_unless_it_is_named() -> None:
    assert made(Dedup, finds="spans").mechanism == "edit"
    assert made(Dedup, finds="spans", mechanism="threshold").mechanism == "threshold"
    assert type("Below", (made(Dedup, finds="weights"),), {}).mechanism == "weigh"
    assert made(Selector).mechanism == "rank"


@pytest.mark.parametrize(
    ("kind", "attributes", "message"),
    [
        (Signal, {"utility": "qualty"}, "Café: no utility is called 'qualty'; did you mean 'quality'"),
        (Dedup, {"mechanism": "clusters"}, "no mechanism is called 'clusters'; did you mean 'cluster'"),
        (
            Signal,
            {"stages": ("pre-training",)},
            "no stage is called 'pre-training'; did you mean 'pretraining'",
        ),
        (Signal, {"stages": "pretraining"}, "expected a tuple"),
        (Signal, {"stages": ()}, "expected all three, or none"),
        (Study, {"utility": "mixing"}, "expected all three, or none"),
        (Body, {"stages": ("pretraining",)}, "expected all three, or none"),
    ],
)
def test_unknown_values_are_refused_when_the_class_is_made(
    kind: type[Method], attributes: dict[str, object], message: str
) -> None:
    with pytest.raises(TypeError, match=message):
        made(kind, **attributes)
