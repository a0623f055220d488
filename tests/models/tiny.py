"""A tokenizer and a model small enough to check by hand: two layers of 64, a context of 32."""

from __future__ import annotations

import random
from functools import cache
from pathlib import Path
from typing import Any

from tests.conftest import prose

CONTEXT = 32
END = "<|endoftext|>"


@cache
def tokenizer() -> Any:
    """Byte-level BPE of 400 entries, trained on generated prose; one special token, the end of text."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    plain = Tokenizer(models.BPE())
    plain.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    plain.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=[END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    rng = random.Random(1)
    plain.train_from_iterator((prose(rng, 200) for _ in range(50)), trainer)
    return PreTrainedTokenizerFast(tokenizer_object=plain, eos_token=END)


def model(seed: int = 0, spread: float = 0.2) -> Any:
    """A Llama of random weights; with a wide `spread` it has opinions."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    # So small that threads would only wait for each other.
    torch.set_num_threads(1)
    config = LlamaConfig(
        vocab_size=400,
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=CONTEXT,
        initializer_range=spread,
        bos_token_id=None,
        eos_token_id=0,
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return LlamaForCausalLM(config).eval()


@cache
def learned(text: str, steps: int = 60) -> Any:
    """A model that has read one text over and over."""
    import torch

    learner = model(seed=3, spread=0.02).train()
    ids = torch.tensor([[0, *tokenizer().encode(text)][:CONTEXT]])
    optimizer = torch.optim.AdamW(learner.parameters(), lr=3e-3)
    for _ in range(steps):
        loss = learner(input_ids=ids, labels=ids).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    return learner.eval()


def save(folder: Path, seed: int = 0) -> Path:
    """A finished trial's folder."""
    model(seed).save_pretrained(folder)
    tokenizer().backend_tokenizer.save(str(folder / "tokenizer.json"))
    return folder


def log_probability(model: Any, context: list[int], ending: list[int]) -> float:
    """ln p of `ending` after `context`: one token at a time, in float64, each from what stands before it."""
    import torch

    total = 0.0
    with torch.inference_mode():
        for place, token in enumerate(ending):
            before = torch.tensor([[*context, *ending[:place]][-CONTEXT:]])
            logits = model(input_ids=before).logits[0, -1].double()
            total += float(torch.log_softmax(logits, -1)[token])
    return total
