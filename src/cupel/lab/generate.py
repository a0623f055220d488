"""Sample generations: how trials go on from the same openings, to look at side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from pydantic import Field

from cupel.contract import Options
from cupel.errors import BadInput
from cupel.models.checkpoint import prefix_token, text_encoder
from cupel.models.sampling import continue_tokens
from cupel.models.windows import context_length

__all__ = ["Generation", "GenerationOptions", "generate"]


class GenerationOptions(Options):
    """How much is generated, from what, and how freely."""

    prompts: int = Field(default=4, ge=1, description="Documents whose openings are gone on from.")
    prompt_tokens: int = Field(default=24, ge=1, description="Tokens of each opening.")
    new_tokens: int = Field(default=64, ge=1, description="Tokens generated at most; an end of text ends it.")
    temperatures: tuple[float, ...] = Field(
        default=(0.0, 0.8), min_length=1, description="0 takes the likeliest token; others divide the logits."
    )
    seed: int = Field(default=0, ge=0, description="Which documents, and every random choice.")


@dataclass(frozen=True)
class Generation:
    """One opening and how a model went on; `id` and `domain` of the document it opens."""

    id: str
    domain: str
    temperature: float
    prompt: str
    text: str


def generate(
    model: Any, tokenizer: Any, documents: pa.Table, options: GenerationOptions = GenerationOptions()
) -> tuple[Generation, ...]:
    """Continuations of openings of held-out documents (`id`, `text`, `domain`).

    Documents are chosen by the seed, of as many domains as there are; random numbers depend on seed, document
    and temperature only, so that two models draw the same ones.

    Raises
    ------
    BadInput
        No document is long enough, or prompt and continuation do not fit the model's context.
    """
    if 1 + options.prompt_tokens + options.new_tokens > context_length(model):
        raise BadInput(
            f"{options.prompt_tokens} prompt tokens and {options.new_tokens} new ones do not fit the model's "
            f"context of {context_length(model)}"
        )
    encoder = text_encoder(tokenizer)
    chosen = _choose(documents, encoder, options)
    start = [[prefix_token(tokenizer), *tokens] for _, tokens in chosen]
    ends = () if tokenizer.eos_token_id is None else (tokenizer.eos_token_id,)
    generations = []
    for number, temperature in enumerate(options.temperatures):
        draws = np.stack(
            [
                np.random.default_rng([options.seed, place, number]).random(options.new_tokens)
                for place, _ in chosen
            ]
        )
        for (place, tokens), new in zip(
            chosen, continue_tokens(model, start, draws, temperature, ends), strict=True
        ):
            row = documents.slice(place, 1).to_pylist()[0]
            generations.append(
                Generation(
                    str(row["id"]),
                    str(row["domain"]),
                    temperature,
                    encoder.decode(tokens),
                    encoder.decode(new),
                )
            )
    return tuple(generations)


def _choose(documents: pa.Table, encoder: Any, options: GenerationOptions) -> list[tuple[int, Sequence[int]]]:
    """Places of documents and their opening tokens: by turns of the domains, in a seeded order."""
    order = np.random.default_rng(options.seed).permutation(documents.num_rows)
    domains = documents["domain"].to_pylist()
    turns: dict[str, int] = {}
    ranked: list[tuple[int, int, int]] = []
    for place in order.tolist():
        turn = turns.get(domains[place], 0)
        turns[domains[place]] = turn + 1
        ranked.append((turn, len(ranked), place))
    chosen: list[tuple[int, Sequence[int]]] = []
    for _, _, place in sorted(ranked):
        text = (documents["text"][place].as_py() or "")[: 64 * options.prompt_tokens]
        tokens = encoder.encode(text, add_special_tokens=False).ids[: options.prompt_tokens]
        if len(tokens) == options.prompt_tokens:
            chosen.append((place, tokens))
        if len(chosen) == options.prompts:
            break
    if not chosen:
        raise BadInput(f"no held-out document has {options.prompt_tokens} tokens to begin from")
    return chosen
