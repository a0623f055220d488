from __future__ import annotations

import random

import pyarrow as pa
import pytest

from cupel.errors import BadInput
from cupel.lab.generate import GenerationOptions, generate
from tests.conftest import prose
from tests.models import tiny

torch = pytest.importorskip("torch")

OPTIONS = GenerationOptions(prompts=3, prompt_tokens=6, new_tokens=12)


def _documents(count: int = 8) -> pa.Table:
    texts = [prose(random.Random(seed), 30) for seed in range(count)]
    domains = ["a" if place < count - 1 else "b" for place in range(count)]
    return pa.table({"id": [f"d{place}" for place in range(count)], "text": texts, "domain": domains})


def test_greedy_continuation_takes_the_likeliest_token_each_time() -> None:
    model, documents = tiny.model(), _documents()
    greedy = [
        sample for sample in generate(model, tiny.tokenizer(), documents, OPTIONS) if sample.temperature == 0
    ]
    assert len(greedy) == 3
    assert {sample.domain for sample in greedy} == {"a", "b"}
    for sample in greedy:
        tokens = [0, *tiny.tokenizer().encode(sample.prompt)]
        assert len(tokens) == 7
        made: list[int] = []
        with torch.inference_mode():
            while len(made) < 12:
                new = int(model(input_ids=torch.tensor([tokens + made])).logits[0, -1].argmax())
                if new == 0:
                    break
                made.append(new)
        assert sample.text == tiny.tokenizer().decode(made)


def test_the_same_seed_gives_the_same_text_and_leaves_global_state_alone() -> None:
    model, documents = tiny.model(), _documents()
    state = torch.random.get_rng_state()
    first = generate(model, tiny.tokenizer(), documents, OPTIONS)
    assert torch.equal(state, torch.random.get_rng_state())
    assert generate(model, tiny.tokenizer(), documents, OPTIONS) == first
    other = generate(model, tiny.tokenizer(), documents, OPTIONS.model_copy(update={"seed": 1}))
    assert {sample.text for sample in other} != {sample.text for sample in first}


def test_what_was_learned_is_said() -> None:
    text = "the river was by the mountain in winter"
    documents = pa.table({"id": ["a"], "text": [text], "domain": ["x"]})
    options = GenerationOptions(prompts=1, prompt_tokens=3, new_tokens=9)
    for sample in generate(tiny.learned(text), tiny.tokenizer(), documents, options):
        assert text.startswith(sample.prompt + sample.text)
        assert sample.text


def test_samples_follow_the_model() -> None:
    model = tiny.model()
    with torch.no_grad():
        model.lm_head.weight.zero_()
    options = GenerationOptions(prompts=8, prompt_tokens=2, new_tokens=25, temperatures=(1.0,))
    samples = generate(model, tiny.tokenizer(), _documents(30), options)
    drawn = [token for sample in samples for token in tiny.tokenizer().encode(sample.text)]
    # Of 400 tokens alike, 200 draws give about 157 different ones.
    assert len(set(drawn)) > 60


def test_what_does_not_fit_is_said() -> None:
    with pytest.raises(BadInput, match="do not fit the model's context of 32"):
        generate(tiny.model(), tiny.tokenizer(), _documents())
    short = pa.table({"id": ["a"], "text": ["the"], "domain": ["x"]})
    with pytest.raises(BadInput, match="no held-out document has 6 tokens"):
        generate(tiny.model(), tiny.tokenizer(), short, OPTIONS)
