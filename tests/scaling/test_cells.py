"""Cells from trials, and the trials of a grid."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from cupel.errors import BadInput, BadOption
from cupel.lab.data.documents import as_documents
from cupel.lab.lab import Lab
from cupel.lab.scale import Scale
from cupel.lab.trials import Machine, Trial
from cupel.scaling.cells import GridCell, cells_of
from cupel.scaling.grid import grid
from cupel.store import Store
from cupel.verdict.measures import Measure
from tests.lab import tokens

pytest.importorskip("tokenizers", reason="the lab needs the extra lab")


def bits(value: float, domain: str = "wiki") -> Measure:
    return Measure("bits_per_byte", domain, "lower", ("a",), np.array([value]), np.ones(1))


def trial(tokens_seen: int, epochs: float, seed: int = 0) -> Trial:
    record = {
        "tokens": tokens_seen,
        "epochs": epochs,
        "parameters": {"without_embeddings": 950_000, "all": 1},
    }
    return Trial("web", seed, Path("nowhere"), record, True)


def test_cells_say_what_trials_were_trained_on_and_scored() -> None:
    scored = [[bits(2.0), bits(1.0, "code")], [bits(1.8), bits(1.2, "code")]]
    grid_cells = cells_of([trial(1000, 4.0), trial(500, 0.5, 3)], scored)
    assert grid_cells == (GridCell(950_000, 250, 1000, 1.5, 0), GridCell(950_000, 1000, 500, 1.5, 3))
    own = cells_of([trial(1000, 4.0)], scored[:1], loss=lambda measures: measures[1].value)
    assert own[0].loss == 1.0


def test_trials_that_make_no_cells_are_named() -> None:
    with pytest.raises(BadInput, match="1 trials and measures of 0"):
        cells_of([trial(1000, 4.0)], [])
    with pytest.raises(BadInput, match="trial web, seed 7: no bits per byte"):
        cells_of([trial(1000, 4.0, 7)], [[]])


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    cache = tmp_path_factory.mktemp("cache")
    return Lab(Scale.load("nano"), tokens.tokenizer(cache), Store(cache), Machine("cpu", False, False, 1))


def ids(plan_store) -> list[str]:  # type: ignore[no-untyped-def]
    return [plan_store.id(number) for number in range(plan_store.documents)]


def test_a_grid_has_nested_parts_of_the_size_asked_for(lab: Lab) -> None:
    documents = as_documents(tokens.texts(400))
    plans = grid(
        lab, documents, unique_tokens=[4000, 1000, 2000], epochs=[4, 1, 2.5], seeds=(0, 5), name="web"
    )
    assert len(plans) == 18
    assert [plan.seed for plan in plans] == [0] * 9 + [5] * 9
    parts = {plan.name.split(" × ")[0]: plan.store for plan in plans}
    assert list(parts) == ["web, 1,000 tokens", "web, 2,000 tokens", "web, 4,000 tokens"]
    longest = max(np.diff(parts["web, 4,000 tokens"].offsets.astype(np.int64)))
    before: list[str] = []
    for wanted, store in zip((1000, 2000, 4000), parts.values(), strict=True):
        assert wanted <= len(store.tokens) < wanted + longest
        assert ids(store)[: len(before)] == before
        before = ids(store)
    for plan in plans:
        times = float(plan.name.split(" × ")[1])
        assert plan.changes == {"tokens": round(len(plan.store.tokens) * times)}


def test_parts_are_drawn_evenly_and_by_the_seed_not_by_the_order(lab: Lab) -> None:
    documents = as_documents(tokens.texts(400))
    backwards = documents.take(pa.array(range(399, -1, -1)))
    first, again, other = (
        ids(grid(lab, ordered, unique_tokens=[3000], epochs=[1], draw_seed=seed)[0].store)
        for ordered, seed in ((documents, 0), (backwards, 0), (documents, 1))
    )
    assert first == again
    assert set(first) != set(other)
    # Over the whole corpus: of n even draws from 400 the mean lies within 4 standard errors of the middle.
    numbers = [int(id) for id in first]
    assert abs(np.mean(numbers) - 199.5) < 4 * 115.5 / len(numbers) ** 0.5


def test_documents_count_by_their_weight_and_empty_ones_not_at_all(lab: Lab) -> None:
    texts = [*tokens.texts(100), ""]
    weighed = as_documents(pa.table({"text": texts, "weight": [0.5] * 50 + [0.0] * 50 + [1.0]}))
    whole = grid(lab, weighed, unique_tokens=[500], epochs=[1])[0].store
    assert 500 <= whole.meta["weighted_tokens"] < 500 + 35
    assert all(int(id) < 50 for id in ids(whole))


@pytest.mark.parametrize(
    ("changed", "error", "message"),
    [
        ({"unique_tokens": [10**9]}, BadInput, r"web holds [\d,]+ tokens, and a part of 1,000,000,000"),
        ({"unique_tokens": []}, BadOption, r"unique_tokens is \[\]"),
        ({"epochs": [1, 1]}, BadOption, r"epochs is \[1, 1\]"),
        ({"epochs": [0]}, BadOption, r"epochs is \[0\]"),
        ({"seeds": [-1]}, BadOption, r"seeds is \[-1\]"),
    ],
)
def test_grids_that_cannot_be_made_are_refused(
    lab: Lab, changed: dict[str, list[int]], error: type[Exception], message: str
) -> None:
    asked = {"unique_tokens": [500], "epochs": [1, 2], "seeds": [0], **changed}
    with pytest.raises(error, match=message):
        grid(lab, tokens.texts(50), name="web", **asked)  # type: ignore[arg-type]


def test_an_empty_corpus_is_refused(lab: Lab) -> None:
    with pytest.raises(BadInput, match="holds 0 tokens"):
        grid(lab, ["", ""], unique_tokens=[500], epochs=[1])
