"""The additive regression and the best sequence: against scikit-learn and against all sequences there are."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cupel.edits.programs.additive import Additive
from cupel.edits.programs.smoothing import Smoothing, best_sequence, learn_smoothing, line_f1


def made(items: int = 400) -> tuple[dict[str, np.ndarray], np.ndarray]:
    rng = np.random.default_rng(0)
    features = {
        "a": rng.normal(size=items),
        "b": rng.integers(0, 3, items).astype(float),
        "same": np.ones(items),
    }
    odds = np.abs(features["a"]) * 2 - 1 + (features["b"] == 1) * 3
    return features, rng.random(items) < 1 / (1 + np.exp(-odds))


def test_weights_are_those_of_scikit_learn() -> None:
    sklearn = pytest.importorskip("sklearn.linear_model")
    features, positive = made()
    model = Additive.fit(features, positive, bins=6, ridge=2.0)
    columns = [
        np.eye(len(model.weights[name]))[np.searchsorted(model.edges[name], values, side="right")]
        for name, values in features.items()
    ]
    reference = sklearn.LogisticRegression(C=1 / 2.0, tol=1e-10, max_iter=10_000).fit(
        np.hstack(columns), positive
    )
    np.testing.assert_allclose(
        model.logits(features), reference.decision_function(np.hstack(columns)), atol=1e-3
    )


def test_a_feature_acts_in_any_shape() -> None:
    features, positive = made(4000)
    model = Additive.fit(features, positive)
    middle, far = model.logits({"a": np.array([0.0, 3.0]), "b": np.zeros(2), "same": np.ones(2)})
    assert middle < 0 < far


def test_what_was_kept_says_the_same() -> None:
    features, positive = made()
    model = Additive.fit(features, positive)
    again = Additive.from_json(model.to_json())
    np.testing.assert_array_equal(again.logits(features), model.logits(features))


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_a_single_class_is_no_failure(share: float) -> None:
    features, positive = made()
    model = Additive.fit(features, np.full(len(positive), bool(share)))
    assert ((model.probabilities(features) > 0.5) == bool(share)).all()


@given(
    st.lists(st.floats(-3, 3), min_size=1, max_size=8),
    st.floats(0, 3),
    st.floats(0, 3),
    st.floats(-1, 1),
)
def test_no_sequence_is_better(
    logits: list[float], into_noise: float, into_text: float, shift: float
) -> None:
    smoothing = Smoothing(into_noise, into_text, shift)

    def score(states: tuple[bool, ...]) -> float:
        changes = sum(
            (into_noise if later else into_text)
            for early, later in itertools.pairwise(states)
            if early != later
        )
        return sum(value + shift for value, state in zip(logits, states, strict=True) if state) - changes

    best = best_sequence(np.array(logits), np.array([0, len(logits)]), smoothing)
    highest = max(map(score, itertools.product((False, True), repeat=len(logits))))
    assert score(tuple(best.tolist())) == pytest.approx(highest, abs=1e-9)


def test_texts_do_not_smooth_each_other() -> None:
    logits, costs = np.array([2.0, -1.0, 2.0]), Smoothing(1.0, 1.0, 0.0)
    assert best_sequence(logits, np.array([0, 3]), costs).tolist() == [True, True, True]
    assert best_sequence(logits, np.array([0, 1, 1, 2, 3]), costs).tolist() == [True, False, True]


def test_costs_are_learned_where_they_help() -> None:
    """Runs of ten lines whose logits are right in seven of ten."""
    rng = np.random.default_rng(1)
    removed = np.repeat(rng.random(200) < 0.5, 10)
    logits = np.where(removed, 1.0, -1.0) * np.where(rng.random(2000) < 0.7, 1, -1)
    documents = np.array([0, 2000])
    smoothing = learn_smoothing(logits, documents, removed)
    assert min(smoothing.into_noise, smoothing.into_text) > 0
    assert line_f1(best_sequence(logits, documents, smoothing), removed) > line_f1(logits > 0, removed) + 0.1
