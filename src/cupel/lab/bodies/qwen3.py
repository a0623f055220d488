"""Llama's architecture with normalized queries and keys."""

from __future__ import annotations

from typing import ClassVar

from cupel.contract import Body, Paper

__all__ = ["Qwen3"]


class Qwen3(Body):
    """Llama's architecture with normalized queries and keys, as Qwen3 has it.

    Queries and keys of each head are normalized by root mean square before their product, which keeps attention from
    saturating at high learning rates (Dehghani et al. 2023). DataComp-LM trains with the same. Everything else is as in
    `llama`, and sizes mean the same. Every trial is an ordinary Hugging Face checkpoint of `Qwen3ForCausalLM`.
    """

    name = "qwen3"
    function = "cupel.lab.training.bodies:qwen3"
    papers: ClassVar = (
        Paper("Qwen3 Technical Report", "Yang et al.", 2025, "https://arxiv.org/abs/2505.09388", "Section 2"),
        Paper(
            "Scaling Vision Transformers to 22 Billion Parameters",
            "Dehghani et al.",
            2023,
            "https://arxiv.org/abs/2302.05442",
            "Section 2",
        ),
    )
    limits = "`cupel scales` counts parameters without the two norms of a head's width that each layer has besides."
