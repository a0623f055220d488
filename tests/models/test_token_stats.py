"""What a model says of every token: against transformers alone, whatever the batch, and run once for all who ask."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from cupel.errors import BadOption
from cupel.models.causal import CausalModel
from cupel.models.likelihood import TokenRow, detail_rows, score_rows
from cupel.models.load import load_model
from cupel.models.ngram import Ngram
from tests.models import tiny

torch = pytest.importorskip("torch", reason="needs the extra 'lab'")

TEXTS = [
    "Café Müller in 東京 serves cake.",
    "the river was by the mountain " * 20,  # many times the context of 32
    "",
    None,
    "🎂 \x00\x1b[31m نص",
    f"before {tiny.END} after",
]


@pytest.fixture
def model() -> CausalModel:
    """A model that nothing else has asked or prepared."""
    return CausalModel("tiny", "0", tiny.model(), tiny.tokenizer())


def alone(text: str) -> Any:
    """Logits of a text that fits the context, float64, and its tokens."""
    ids = torch.tensor([[0, *tiny.tokenizer()(text, add_special_tokens=False).input_ids]])
    with torch.inference_mode():
        return torch.log_softmax(tiny.model()(input_ids=ids).logits[0, :-1].double(), -1).numpy(), ids[
            0, 1:
        ].numpy()


def test_tokens_are_those_of_transformers_alone(model: CausalModel) -> None:
    stats = model.token_stats(pa.array(TEXTS))
    tokens = stats.of(0)
    log_probs, targets = alone(TEXTS[0] or "")
    own = log_probs[np.arange(len(targets)), targets]
    np.testing.assert_allclose(tokens.log_probs, own, atol=1e-5)
    np.testing.assert_allclose(tokens.entropies, -(np.exp(log_probs) * log_probs).sum(1), atol=1e-5)
    assert tokens.ranks.tolist() == (1 + (log_probs > own[:, None]).sum(1)).tolist()
    assert stats.offsets.tolist() == [0, *np.cumsum(model.log_probs(pa.array(TEXTS)).tokens)]
    assert stats.complete.tolist() == [text is not None for text in TEXTS]
    assert [len(stats.of(place)) for place in (2, 3)] == [0, 0]


def test_sums_are_the_same_to_the_bit_with_and_without_details(model: CausalModel) -> None:
    texts = pa.array(TEXTS)
    plain = model.log_probs(texts)
    stats = model.token_stats(texts)
    detailed = model.log_probs(texts)
    np.testing.assert_array_equal(plain.nats, detailed.nats)
    assert stats.of(1).log_probs.sum(dtype=np.float64) == pytest.approx(plain.nats[1], abs=1e-9)
    rows = [
        TokenRow(np.arange(3), np.arange(3), np.array([7, 8, 9])),
        TokenRow(np.arange(9), np.arange(9), np.arange(9)),
    ]
    for (scores, likeliest), (log_probs, _, ranks) in zip(
        score_rows(tiny.model(), rows), detail_rows(tiny.model(), rows), strict=True
    ):
        np.testing.assert_array_equal(scores, log_probs)
        np.testing.assert_array_equal(likeliest, ranks == 1)


def test_a_vocabulary_with_impossible_tokens_has_an_entropy() -> None:
    """Some models give −∞ to the padding of their vocabulary."""
    masked, plain = tiny.model(), tiny.model()
    forward = masked.forward

    def without_last(**inputs: Any) -> Any:
        output = forward(**inputs)
        output.logits[..., 300:] = -math.inf
        return output

    masked.forward = without_last
    row = TokenRow(np.arange(6), np.arange(6), np.arange(1, 7))
    ((_, entropies, ranks),) = detail_rows(masked, [row])
    with torch.inference_mode():
        logits = plain(input_ids=torch.arange(6)[None]).logits[0, :, :300].double()
    likely = torch.softmax(logits, -1)
    np.testing.assert_allclose(entropies, -(likely * likely.log()).sum(-1).numpy(), atol=1e-5)
    own = logits[torch.arange(6), torch.arange(1, 7)]
    assert ranks.tolist() == (1 + (logits > own[:, None]).sum(-1)).tolist()


def test_tokens_end_where_they_stand_in_the_text(model: CausalModel) -> None:
    stats = model.token_stats(pa.array(TEXTS))
    for place, text in enumerate(TEXTS):
        written, ends = (text or "").encode(), stats.of(place).ends
        assert (np.diff(ends, prepend=0) >= 0).all()
        assert (ends[-1] if len(ends) else 0) == len(written)
        for end in ends:
            written[:end].decode()  # never inside of a character
    pieces = [tiny.tokenizer().decode([token]) for token in tiny.tokenizer()("the river was").input_ids]
    ascii_ends = model.token_stats(pa.array(["the river was"])).of(0).ends
    assert ascii_ends.tolist() == np.cumsum([len(piece) for piece in pieces]).tolist()


def test_a_text_has_the_same_tokens_whatever_stands_beside_it(model: CausalModel) -> None:
    together = model.token_stats(pa.array(TEXTS))
    for place, text in enumerate(TEXTS):
        single, beside = model.token_stats(pa.array([text], pa.string())).of(0), together.of(place)
        for name in ("log_probs", "entropies", "ranks", "ends"):
            np.testing.assert_array_equal(getattr(single, name), getattr(beside, name))
    assert len(model.token_stats(pa.array([], pa.string()))) == 0


def test_one_thread_that_asks_again_runs_the_model_once(model: CausalModel) -> None:
    texts = pa.array(TEXTS)
    model.log_probs(texts)
    once = model.tokens_run
    model.log_probs(pa.array(TEXTS))  # equal, though another array
    assert model.tokens_run == once
    model.token_stats(texts)
    assert model.tokens_run == 2 * once  # sums were all that was kept
    model.log_probs(texts)
    model.token_stats(texts)
    assert model.tokens_run == 2 * once
    model.log_probs(pa.array(TEXTS[:1]))
    model.log_probs(texts)
    assert model.tokens_run > 3 * once
    model.detailed, model.tokens_run = True, 0
    model.log_probs(pa.array(TEXTS[:5]))
    before = model.tokens_run
    model.token_stats(pa.array(TEXTS[:5]))
    assert model.tokens_run == before


def test_threads_that_take_turns_do_not_forget_each_others_texts(model: CausalModel) -> None:
    model.detailed = True
    batches = [pa.array([f"the river {word}", "東京"]) for word in ("was", "is", "has", "of")]

    def ask(batch: pa.Array) -> tuple[float, float]:
        sums = model.log_probs(batch).nats
        return float(sums[0]), float(model.token_stats(batch).of(0).log_probs.sum(dtype=np.float64))

    with ThreadPoolExecutor(4) as pool:
        for total, summed in pool.map(ask, batches * 5):
            assert total == pytest.approx(summed, abs=1e-5)


def test_load_model_prepares_for_those_that_want_tokens(tmp_path: Path) -> None:
    folder = tiny.save(tmp_path / "trial")
    first = load_model(f"trial:{folder}", "log_probs")
    assert isinstance(first, CausalModel)
    assert not first.detailed
    assert load_model(f"trial:{folder}", "token_stats") is first
    assert first.detailed
    Ngram.fit([pa.array(["the river was by the mountain"])]).save(tmp_path / "ngrams")
    with pytest.raises(BadOption, match="log_probs, not for token_stats; models that can: a folder"):
        load_model(f"ngram:{tmp_path / 'ngrams'}", "token_stats")
    with pytest.raises(BadOption, match="not for token_stats"):
        load_model(f"ngram:{tmp_path / 'ngrams'}", "log_probs").token_stats(pa.array(["a"]))
