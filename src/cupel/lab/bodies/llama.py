"""The plain Llama architecture."""

from __future__ import annotations

from typing import ClassVar

from cupel.contract import Body, Paper
from cupel.lab.training.job import LLAMA

__all__ = ["Llama"]


class Llama(Body):
    """The plain Llama architecture of transformers.

    Pre-normalization by root mean square, rotary positions, a gated feed-forward part (SwiGLU), no biases. Every trial
    is an ordinary Hugging Face checkpoint of `LlamaForCausalLM`.
    """

    name = LLAMA.name
    version = LLAMA.version
    function = LLAMA.function
    papers: ClassVar = (
        Paper(
            "LLaMA: Open and Efficient Foundation Language Models",
            "Touvron et al.",
            2023,
            "https://arxiv.org/abs/2302.13971",
            "Section 2.2",
        ),
    )
