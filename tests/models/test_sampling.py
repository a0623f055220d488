"""Continuations: against the model run anew for every token."""

from __future__ import annotations

import numpy as np
import pytest

from cupel.models.sampling import continue_tokens, pick
from tests.models import tiny

torch = pytest.importorskip("torch")


@pytest.mark.parametrize("temperature", [0.0, 0.7])
def test_prompts_of_any_length_go_on_as_each_alone(temperature: float) -> None:
    model = tiny.model()
    prompts = [
        [0, *tiny.tokenizer().encode(text)] for text in ("the river", "of", "a mountain in the winter")
    ]
    assert len({len(prompt) for prompt in prompts}) == 3
    draws = np.random.default_rng(0).random((3, 10))
    expected = []
    with torch.inference_mode():
        for prompt, row in zip(prompts, draws, strict=True):
            tokens = list(prompt)
            for draw in row:
                logits = model(input_ids=torch.tensor([tokens])).logits[:, -1].double().numpy()
                new = int(pick(logits, np.array([draw]), temperature)[0])
                if new == 0:
                    break
                tokens.append(new)
            expected.append(tokens[len(prompt) :])
    assert continue_tokens(model, prompts, draws, temperature, ends=[0]) == expected
    assert [
        continue_tokens(model, [prompt], draws[[place]], temperature, [0])[0]
        for place, prompt in enumerate(prompts)
    ] == expected
    first = expected[0][3]
    stopped = continue_tokens(model, prompts[:1], draws[:1], temperature, ends=[0, first])
    assert stopped == [expected[0][: expected[0].index(first)]]


@pytest.mark.parametrize("temperature", [0.5, 0.8, 2.0])
def test_the_temperature_divides_the_logits(temperature: float) -> None:
    logits = np.array([0.3, -1.0, 1.2, 0.0])
    draws = (np.arange(10_000) + 0.5) / 10_000
    picked = pick(np.tile(logits, (10_000, 1)), draws, temperature)
    expected = np.exp(logits / temperature) / np.exp(logits / temperature).sum()
    np.testing.assert_allclose(np.bincount(picked, minlength=4) / 10_000, expected, atol=2e-4)
