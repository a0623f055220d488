"""Tokenize an arm into memory-mapped shards, a few megabytes at a time."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from cupel.errors import BadInput
from cupel.lab.data.chats import encode_chats
from cupel.lab.training.tokens import TokenStore
from cupel.models.tokenizer import Tokenizer

__all__ = ["PACK_VERSION", "PIECE_TOKENS", "pack"]

PACK_VERSION = 2
"""Goes up whenever the same documents would give other files."""

PIECE_TOKENS = 4096
"""Longer documents lie in pieces of so many tokens. Each piece has its own place in the order of a trial: else
one document of a million tokens would be all that a small budget sees."""

_CHUNK = 1 << 20


def pack(
    parts: Sequence[tuple[float | None, Iterable[pa.RecordBatch]]],
    tokenizer: Tokenizer,
    folder: Path,
    *,
    name: str,
    ordered: bool = False,
    piece_tokens: int = PIECE_TOKENS,
) -> TokenStore:
    """Tokenize documents into a new folder.

    Parameters
    ----------
    parts
        One for a plain arm; several with their shares of the tokens for a mixture. Batches have the
        columns `id`, `text` and `weight`; documents without text, or of weight zero, are left out. With a column
        `answers` (`cupel.lab.data.chats`) they are chats: only what is answered counts in the loss.
    name
        What the arm is called in messages.
    ordered
        Trials see the documents in the order they have here, each pass alike: a curriculum.
    piece_tokens
        Longer documents become several of the same id.

    Raises
    ------
    BadInput
        There is no document with text, or a part of a mixture has none.
    """
    folder.mkdir()
    with _Writer(folder, tokenizer, piece_tokens) as writer:
        ends = []
        for share, batches in parts:
            for batch in batches:
                writer.add(batch)
            ends.append((share, writer.pieces, writer.weighted))
    if not writer.documents:
        raise BadInput(f"arm '{name}' holds no text to train on")
    factors = _factors(ends, name)
    meta = writer.meta()
    if factors is not None:
        meta |= _reweigh(folder, factors)
    elif not writer.weighed:
        (folder / "weights.bin").unlink()
    if writer.masked:
        if not writer.counted:
            raise BadInput(f"arm '{name}' holds no answer: its chats have no turn of the role 'assistant'")
        meta |= {"masked": True, "counted_tokens": writer.counted}
    else:
        (folder / "mask.bin").unlink()
    meta |= {
        "version": PACK_VERSION,
        "tokenizer": tokenizer.digest,
        "weighed": writer.weighed or factors is not None,
        "ordered": ordered,
        "digest": _digest(folder, tokenizer.digest + (" ordered" if ordered else "")),
    }
    (folder / "meta.json").write_text(json.dumps(meta, indent=1))
    return TokenStore(folder)


class _Writer:
    """The files of one store on their way."""

    def __init__(self, folder: Path, tokenizer: Tokenizer, piece_tokens: int) -> None:
        self.tokenizer, self.piece_tokens = tokenizer, piece_tokens
        self.dtype = np.dtype("<u2" if tokenizer.vocabulary <= 1 << 16 else "<u4")
        names = ("tokens.bin", "offsets.bin", "weights.bin", "mask.bin", "ids.bin", "id_offsets.bin")
        self.files: dict[str, BinaryIO] = {file: (folder / file).open("wb") for file in names}
        self.documents = self.pieces = self.tokens = self.id_bytes = self.bytes = 0
        self.weighted, self.heaviest, self.weighed = 0.0, 0.0, False
        self.counted, self.masked = 0, False
        zero = np.zeros(1, "<u8").tobytes()
        self.files["offsets.bin"].write(zero)
        self.files["id_offsets.bin"].write(zero)

    def __enter__(self) -> _Writer:
        return self

    def __exit__(self, *exception: object) -> None:
        for file in self.files.values():
            file.close()

    def add(self, batch: pa.RecordBatch) -> None:
        batch = batch.filter(
            pc.and_(
                pc.greater(pc.binary_length(batch.column("text")), 0), pc.greater(batch.column("weight"), 0.0)
            )
        )
        if not batch.num_rows:
            return
        tokens, offsets = self._encode(batch)
        self.files["tokens.bin"].write(tokens.astype(self.dtype, copy=False).tobytes())
        owner, ends = _pieces(offsets, self.piece_tokens)
        if self.masked:
            # Whoever counts documents goes by the end of text that closes a piece; in a chat it closes answers too.
            inside = ends < offsets[owner + 1]
            ends = ends - (inside & (tokens[ends - 1] == self.tokenizer.end_of_text))
        self.files["offsets.bin"].write((ends + self.tokens).astype("<u8").tobytes())
        weights = batch.column("weight").to_numpy(zero_copy_only=False)
        self.files["weights.bin"].write(weights[owner].astype("<f8").tobytes())
        ids = pc.cast(batch.column("id"), pa.large_binary()).take(pa.array(owner))
        lengths = pc.binary_length(ids).to_numpy(zero_copy_only=False)
        self.files["ids.bin"].write(b"".join(ids.to_pylist()))
        self.files["id_offsets.bin"].write((self.id_bytes + np.cumsum(lengths)).astype("<u8").tobytes())
        self.pieces += len(owner)
        self.documents += batch.num_rows
        self.tokens += len(tokens)
        self.id_bytes += int(lengths.sum())
        self.bytes += pc.sum(pc.binary_length(batch.column("text"))).as_py()
        self.weighted += float((np.diff(offsets) * weights).sum())
        self.heaviest = max(self.heaviest, float(weights.max()))
        self.weighed = self.weighed or bool((weights != 1.0).any())

    def _encode(self, batch: pa.RecordBatch) -> tuple[NDArray[Any], NDArray[np.int64]]:
        """Tokens, and where those of each document begin; of chats, the mask goes to its file."""
        if "answers" not in batch.schema.names:
            return self.tokenizer.encoder.encode(batch.column("text"))
        encoded = encode_chats(
            self.tokenizer.encoder, batch.column("text").to_pylist(), batch.column("answers").to_pylist()
        )
        self.files["mask.bin"].write(encoded.counts.tobytes())
        self.counted += int(np.count_nonzero(encoded.counts))
        self.masked = self.masked or not bool(encoded.counts.all())
        return encoded.tokens, encoded.offsets

    def meta(self) -> dict[str, Any]:
        return {
            "documents": self.pieces,
            "whole_documents": self.documents,
            "tokens": self.tokens,
            "bytes": self.bytes,
            "dtype": self.dtype.str,
            "weighted_tokens": self.weighted,
            "heaviest": self.heaviest,
        }


def _pieces(offsets: NDArray[np.int64], max_tokens: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Whose each piece is, and where it ends, for documents that begin and end at `offsets`.

    >>> _pieces(np.array([0, 3, 10]), 4)
    (array([0, 1, 1]), array([ 3,  7, 10]))
    """
    lengths = np.diff(offsets)
    counts = np.maximum(-(-lengths // max_tokens), 1)
    owner = np.repeat(np.arange(len(lengths)), counts)
    number = np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts)
    return owner, np.minimum(offsets[owner] + (number + 1) * max_tokens, offsets[owner + 1])


def _factors(ends: Sequence[tuple[float | None, int, float]], name: str) -> list[tuple[int, float]] | None:
    """What the weights of each part are multiplied by, so that it has its share of the tokens."""
    if len(ends) == 1 and ends[0][0] is None:
        return None
    whole = ends[-1][2]
    shares = sum(share or 0.0 for share, _, _ in ends)
    factors, before = [], 0.0
    for place, (share, documents, weighted) in enumerate(ends, 1):
        if weighted <= before:
            raise BadInput(f"arm '{name}': part {place} of the mixture holds no text")
        factors.append((documents, (share or 0.0) / shares * whole / (weighted - before)))
        before = weighted
    return factors


def _reweigh(folder: Path, factors: Sequence[tuple[int, float]]) -> dict[str, Any]:
    weights = np.memmap(folder / "weights.bin", "<f8", "r+")
    offsets = np.memmap(folder / "offsets.bin", "<u8", "r")
    begin, weighted, heaviest = 0, 0.0, 0.0
    for end, factor in factors:
        for first in range(begin, end, _CHUNK):
            part = slice(first, min(first + _CHUNK, end))
            weights[part] *= factor
            lengths = np.diff(offsets[part.start : part.stop + 1].astype(np.int64))
            weighted += float((lengths * weights[part]).sum())
            heaviest = max(heaviest, float(weights[part].max()))
        begin = end
    weights.flush()
    return {"weighted_tokens": weighted, "heaviest": heaviest}


def _digest(folder: Path, tokenizer: str) -> str:
    digest = hashlib.blake2b(tokenizer.encode(), digest_size=16)
    for name in ("tokens.bin", "offsets.bin", "weights.bin", "mask.bin"):
        path = folder / name
        if not path.exists():
            continue
        digest.update(name.encode())
        with path.open("rb") as file:
            while part := file.read(_CHUNK):
                digest.update(part)
    return digest.hexdigest()
