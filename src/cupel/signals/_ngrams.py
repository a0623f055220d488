"""N-grams learned from documents: what perplexity and soft deduplication have in common."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from cupel.contract import Documents, Learned, Learns, Resources
from cupel.errors import BadOption
from cupel.findings import Facts, Section
from cupel.models.ngram import Ngram
from cupel.units import write_bytes, write_count

__all__ = ["BYTES_PER_TEXT_BYTE", "NgramOptions", "learn_ngrams"]

BYTES_PER_TEXT_BYTE = 12
"""Memory of the model's tables per byte of text, as they are while one grows."""


class NgramOptions(Learns):
    """What is learned."""

    order: int = Field(4, ge=2, le=8, description="Words in the longest n-gram.")
    sample_bytes: int = Field(
        200_000_000,
        ge=1,
        description="Text that the model is trained on, at most about this much; of more text a pseudo-random sample "
        "of documents.",
    )
    seed: int = Field(1, ge=0, lt=1 << 63, description="Chooses the sample.")


def learn_ngrams(
    method: str, options: NgramOptions, documents: Documents, folder: Path, resources: Resources
) -> Learned:
    """Count the n-grams of documents, and save them.

    Raises
    ------
    BadOption
        The model would take more memory than may be used.
    """
    total = documents.text_bytes
    learned_bytes = min(total, options.sample_bytes)
    expected = BYTES_PER_TEXT_BYTE * learned_bytes
    if expected > resources.memory_bytes:
        raise BadOption(
            f"{method}: a model of {write_bytes(learned_bytes)} of text takes about {write_bytes(expected)} of memory, and "
            f"{write_bytes(resources.memory_bytes)} may be used; set sample_bytes to "
            f"{resources.memory_bytes // BYTES_PER_TEXT_BYTE:,} or less, or give more memory"
        )
    share = min(1.0, options.sample_bytes / max(total, 1))
    sampled_documents = sampled_bytes = 0

    def sample() -> Iterator[pa.Array]:
        nonlocal sampled_documents, sampled_bytes
        for batch in documents:
            if share < 1:
                batch = batch.filter(pa.array(_drawn(batch.column("doc").to_numpy(), options.seed) < share))
            sampled_documents += batch.num_rows
            sampled_bytes += pc.sum(pc.binary_length(batch.column("text"))).as_py() or 0
            yield batch.column("text")

    model = Ngram.fit(sample(), options.order, resources.threads)
    model.save(folder)
    facts = (
        ("documents", write_count(sampled_documents)),
        ("text", f"{write_bytes(sampled_bytes)} of {write_bytes(total)}"),
        ("n-grams", write_count(model.entries)),
        ("model", write_bytes(model.memory_bytes)),
    )
    lead = (
        f"Sequences of up to {options.order} words, counted in the documents that were left by then."
        if model.entries > 1  # the beginning of a text is one
        else "There were no words to learn from, so that no document has a value."
    )
    section = Section(title="N-gram model", key="fitted", lead=lead, blocks=(Facts(facts=facts),))
    about = {
        "documents": sampled_documents,
        "bytes": sampled_bytes,
        "of_bytes": total,
        "ngrams": model.entries,
    }
    return Learned(about, (section,))


def _drawn(docs: npt.NDArray[np.int64], seed: int) -> npt.NDArray[np.float64]:
    """A pseudo-random number in [0, 1) for each document (SplitMix64)."""
    mixed = docs.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(seed)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    drawn: npt.NDArray[np.float64] = ((mixed ^ (mixed >> np.uint64(31))) >> np.uint64(11)) / float(1 << 53)
    return drawn
