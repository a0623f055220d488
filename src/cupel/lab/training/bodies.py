"""Bodies as the trainer builds them: from a job's sizes to a causal model of transformers.

A body is a function `(job) -> model`: float32 weights, yet to be set. `initialise` sets them by the names that
transformers' models of Llama's kind have: `embed_tokens`, `lm_head`, `o_proj` and `down_proj`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn

from cupel.lab.training.job import TrainJob

__all__ = ["BodyFunction", "llama", "qwen3"]

BodyFunction = Callable[[TrainJob], nn.Module]


def llama(job: TrainJob) -> nn.Module:
    """A plain `LlamaForCausalLM`."""
    from transformers import LlamaConfig, LlamaForCausalLM

    return LlamaForCausalLM(LlamaConfig(**_sizes(job)))


def qwen3(job: TrainJob) -> nn.Module:
    """A `Qwen3ForCausalLM`: as Llama's, with normalized queries and keys."""
    from transformers import Qwen3Config, Qwen3ForCausalLM

    head = job.model.hidden_size // job.model.heads
    return Qwen3ForCausalLM(Qwen3Config(**_sizes(job), head_dim=head))


def _sizes(job: TrainJob) -> dict[str, Any]:
    shape = job.model
    return {
        "vocab_size": job.vocabulary,
        "hidden_size": shape.hidden_size,
        "intermediate_size": shape.feed_forward_size,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "num_key_value_heads": shape.key_value_heads or shape.heads,
        "max_position_embeddings": shape.context,
        "tie_word_embeddings": shape.tied,
        "rope_parameters": {"rope_type": "default", "rope_theta": shape.rope_base},
        "bos_token_id": job.end_of_text,
        "eos_token_id": job.end_of_text,
        "pad_token_id": None,
        "use_cache": False,
        "attn_implementation": "sdpa",
    }
