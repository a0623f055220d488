"""Attention to distant tokens: against whole attention matrices of transformers, and where it is known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from cupel.errors import BadInput, BadOption
from cupel.models import attention
from cupel.models.attention import attention_twin, distant_attention, quarter, side_by_side
from cupel.models.causal import CausalModel
from tests.models import tiny

torch = pytest.importorskip("torch", reason="needs the extra 'lab'")

SIZES: dict[str, Any] = {"vocab_size": 400, "max_position_embeddings": 64}


def llama() -> Any:
    return tiny.model()


def mistral() -> Any:
    """Every layer sees twelve tokens."""
    from transformers import MistralConfig, MistralForCausalLM

    config = MistralConfig(
        **SIZES, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, sliding_window=12, initializer_range=0.2,
    )  # fmt: skip
    return MistralForCausalLM(config)


def gemma() -> Any:
    """Scores are capped, and layers are local and global in turn."""
    from transformers import Gemma2Config, Gemma2ForCausalLM

    config = Gemma2Config(
        **SIZES, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4, head_dim=8,
        num_key_value_heads=2, sliding_window=12, attn_logit_softcapping=2.0, initializer_range=0.2,
    )  # fmt: skip
    return Gemma2ForCausalLM(config)


def gpt2() -> Any:
    from transformers import GPT2Config, GPT2LMHeadModel

    return GPT2LMHeadModel(
        GPT2Config(vocab_size=400, n_positions=64, n_embd=32, n_layer=2, n_head=4, initializer_range=0.2)
    )


def qwen3() -> Any:
    """Queries and keys are normalized."""
    from transformers import Qwen3Config, Qwen3ForCausalLM

    config = Qwen3Config(
        **SIZES, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4, head_dim=8,
        num_key_value_heads=2, initializer_range=0.2,
    )  # fmt: skip
    return Qwen3ForCausalLM(config)


def brute_force(
    model: Any, tokens: np.ndarray, layers: tuple[int, ...], distance: int
) -> tuple[float, float]:
    """As the code published with the paper does it: the whole matrix, times a mask."""
    model.set_attn_implementation("eager")
    with torch.inference_mode():
        matrices = model(input_ids=torch.from_numpy(tokens)[None], output_attentions=True).attentions
    length = len(tokens)
    far = np.subtract.outer(np.arange(length), np.arange(length)) >= distance
    heads = [head * far for layer in layers for head in matrices[layer][0].double().numpy()]
    return float(np.mean([head.sum() / length for head in heads])), float(
        np.mean([head.var(ddof=1) for head in heads])
    )


@pytest.mark.parametrize("make", [llama, mistral, gemma, gpt2, qwen3])
@pytest.mark.parametrize("layers", [(0,), (1,), (0, 1)])
@pytest.mark.parametrize("block", [1, 300, 1 << 22])
def test_it_is_that_of_the_whole_matrix(
    make: Any, layers: tuple[int, ...], block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attention, "BLOCK_WEIGHTS", block)
    with torch.random.fork_rng():
        torch.manual_seed(4)
        model = make().eval()
    tokens = np.random.default_rng(0).integers(1, 400, 31)
    twin = attention_twin(model)
    for distance in (1, 8, 29, 31):
        assert distant_attention(twin, tokens, layers, distance) == pytest.approx(
            brute_force(model, tokens, layers, distance), rel=1e-4, abs=1e-9
        )


def test_equal_attention_has_the_value_that_follows_from_it() -> None:
    """Where all scores are 0, token i gives each of the i + 1 tokens that it sees as much."""
    model = tiny.model()
    with torch.no_grad():
        model.model.layers[0].self_attn.q_proj.weight.zero_()
    length, distance = 30, 8
    weights = np.array(
        [[1 / (i + 1) if i - j >= distance else 0.0 for j in range(length)] for i in range(length)]
    )
    strength, variance = distant_attention(attention_twin(model), np.arange(1, 31), (0,), distance)
    assert strength == pytest.approx(sum((i - 7) / (i + 1) for i in range(8, 30)) / 30, rel=1e-5)
    assert variance == pytest.approx(weights.var(ddof=1), rel=1e-5)


def test_the_twin_shares_the_weights_and_leaves_the_model_alone() -> None:
    model = tiny.model()
    twin = attention_twin(model)
    assert twin.model.embed_tokens.weight is model.model.embed_tokens.weight
    assert model.config._attn_implementation != twin.config._attn_implementation
    assert distant_attention(twin, np.arange(1, 20), (0,), 5) == distant_attention(
        twin, np.arange(1, 20), (0,), 5
    )


def test_a_text_is_the_mean_of_its_windows() -> None:
    model = CausalModel("tiny", "0", tiny.model(), tiny.tokenizer())
    text = "the river was by the mountain " * 6
    ids = np.array(tiny.tokenizer()(text, add_special_tokens=False).input_ids)
    reach = model.attention(pa.array([text, "the", "", None, "🎂\x00" * 9]), min_tokens=5, max_tokens=20)
    twin = attention_twin(model.model)
    expected = [distant_attention(twin, window, (0,), 5) for window in side_by_side(ids, 0, 20)]
    assert len(expected) > 3
    assert (reach.strength[0], reach.variance[0]) == pytest.approx(tuple(np.mean(expected, axis=0)))
    assert np.isnan(reach.strength[1:4]).all()
    assert np.isfinite(reach.strength[4])
    # The context bounds a window; a text is measured alike whatever stands beside it.
    whole = model.attention(pa.array([text]), max_tokens=4096).strength
    assert whole == model.attention(pa.array(["a", text]), max_tokens=tiny.CONTEXT).strength[1]
    assert len(model.attention(pa.array([], pa.string())).strength) == 0
    assert quarter(20) == 5


def test_layers_that_are_not_there_and_weights_that_are_none() -> None:
    model = CausalModel("tiny", "0", tiny.model(), tiny.tokenizer())
    for layers in ((2,), (-1,), ()):
        with pytest.raises(BadOption, match="numbers from 0 to 1"):
            model.attention(pa.array(["the river"]), layers=layers)
    broken = tiny.model()
    with torch.no_grad():
        broken.model.embed_tokens.weight.fill_(float("nan"))
    with pytest.raises(BadInput, match="no finite attention"):
        distant_attention(attention_twin(broken), np.arange(1, 20), (0,), 5)
