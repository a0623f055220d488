from __future__ import annotations

import numpy as np
import pytest

from cupel.errors import BadInput
from cupel.models.likelihood import TokenRow, continuations, score_rows
from tests.models import tiny

torch = pytest.importorskip("torch")


def _random_row(rng: np.random.Generator, length: int) -> TokenRow:
    tokens = rng.integers(1, 400, length + 1)
    return TokenRow(tokens[:-1], np.arange(length), tokens[1:])


def test_scores_are_the_log_softmax_of_each_token() -> None:
    model = tiny.model().double()
    rng = np.random.default_rng(0)
    rows = [_random_row(rng, length) for length in (1, 5, 17, 32, 3)]
    for row, (scores, _) in zip(rows, score_rows(model, rows, batch_tokens=64), strict=True):
        with torch.inference_mode():
            logits = model(input_ids=torch.from_numpy(row.tokens)[None]).logits[0]
        expected = torch.log_softmax(logits.double(), -1).numpy()[row.at, row.targets]
        np.testing.assert_allclose(scores, expected, rtol=1e-6, atol=1e-6)


def test_scores_do_not_depend_on_the_batch() -> None:
    model = tiny.model()
    rng = np.random.default_rng(1)
    rows = [_random_row(rng, int(length)) for length in rng.integers(1, 33, 40)]
    alone = score_rows(model, rows, batch_tokens=1)
    for batch_tokens in (50, 333, 100_000):
        together = score_rows(model, rows, batch_tokens=batch_tokens)
        for (left, _), (right, _) in zip(alone, together, strict=True):
            np.testing.assert_allclose(left, right, rtol=1e-4, atol=1e-5)
    again = score_rows(model, rows, batch_tokens=333)
    same = score_rows(model, rows, batch_tokens=333)
    assert all((left == right).all() for (left, _), (right, _) in zip(again, same, strict=True))


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_alternatives_in_one_row_score_as_they_do_alone(attention: str) -> None:
    model = tiny.model(spread=0.3)
    model.set_attn_implementation(attention)
    rng = np.random.default_rng(2)
    for shared_tokens in (0, 1, 4, 20):
        shared = [0, *rng.integers(1, 400, shared_tokens).tolist()]
        endings = [rng.integers(1, 400, int(length)).tolist() for length in (3, 1, 9, 5)]
        endings.append([*endings[0][:2], 7, 8])
        row, places = continuations([shared] * 5, endings, max_tokens=tiny.CONTEXT)
        filler = _random_row(rng, 4)
        (scores, _), _ = score_rows(model, [row, filler])
        for ending, own in zip(endings, places, strict=True):
            assert row.targets[own].tolist() == ending
            assert scores[own].sum() == pytest.approx(tiny.log_probability(model, shared, ending), abs=1e-3)


def test_alternatives_longer_than_the_context_lose_their_first_tokens() -> None:
    model = tiny.model()
    rng = np.random.default_rng(3)
    context = rng.integers(1, 400, 40).tolist()
    endings = [[5, 6, 7], [5, 9]]
    row, places = continuations([context] * 2, endings, max_tokens=tiny.CONTEXT)
    ((scores, _),) = score_rows(model, [row])
    for ending, own in zip(endings, places, strict=True):
        whole = [*context, *ending][-(tiny.CONTEXT + 1) :]
        expected = tiny.log_probability(model, whole[: -len(ending)], ending)
        assert scores[own].sum() == pytest.approx(expected, abs=1e-3)


def test_the_likeliest_token_is_told() -> None:
    model = tiny.model()
    tokens = np.array([0, 5, 9])
    with torch.inference_mode():
        best = model(input_ids=torch.from_numpy(tokens)[None]).logits[0].argmax(-1).numpy()
    wrong = (best + 1) % 400
    ((_, likeliest), (_, not_likeliest)) = score_rows(
        model, [TokenRow(tokens, np.arange(3), best), TokenRow(tokens, np.arange(3), wrong)]
    )
    assert likeliest.all()
    assert not not_likeliest.any()


def test_a_model_that_does_more_with_its_logits_is_asked_for_them() -> None:
    model = tiny.model()
    halved = tiny.model()
    plain = halved.forward

    def forward(**inputs: object) -> object:
        output = plain(**inputs)
        output.logits = output.logits / 2
        return output

    halved.forward = forward
    row = _random_row(np.random.default_rng(4), 8)
    with torch.inference_mode():
        logits = model(input_ids=torch.from_numpy(row.tokens)[None]).logits[0] / 2
    expected = torch.log_softmax(logits, -1).numpy()[row.at, row.targets]
    ((scores, _),) = score_rows(halved, [row])
    np.testing.assert_allclose(scores, expected, rtol=1e-4, atol=1e-5)


def test_a_diverged_model_is_named_with_what_it_could_not_score() -> None:
    model = tiny.model()
    with torch.no_grad():
        model.model.embed_tokens.weight[77] = float("nan")
    good, bad = np.array([1, 2]), np.array([1, 77])
    rows = [TokenRow(tokens, np.arange(2), tokens, name=name) for tokens, name in ((good, "a"), (bad, "b"))]
    with pytest.raises(BadInput, match=r"for b: .*diverged"):
        score_rows(model, rows)
