"""Static embeddings: a vector for each token, distilled from a model of sentences; a text is the mean of its tokens'.

Every token of the vocabulary goes through the model alone; principal components make the vectors shorter, and frequent
tokens are weighed down (S. Tulkens, T. van Dongen. Model2Vec: Fast State-of-the-Art Static Embeddings. 2024.
https://doi.org/10.5281/zenodo.17270888). Weights are smooth inverse frequencies, and what all texts have in common is taken
away (S. Arora, Y. Liang, T. Ma. A Simple but Tough-to-Beat Baseline for Sentence Embeddings. ICLR 2017). Both
come without a corpus from Zipf's law: vocabularies are sorted by frequency, placeholders and single letters of other scripts
aside, which BERT's has first.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from cupel.errors import BadInput, MissingExtra
from cupel.models.embedder import Embedder
from cupel.models.folder import digest_file
from cupel.models.model import Model
from cupel.models.tokenizer_file import read_tokenizer

__all__ = ["DIMENSIONS", "STATIC_FILES", "StaticEmbedder", "distill"]

DIMENSIONS = 256
MAX_TOKENS = 512
"""Of a text, where the model itself does not take fewer; what follows does not count."""
CHARACTERS_A_TOKEN = 16
"""A text is cut to so many for each token that counts, before it is tokenized."""
SMOOTHING = 1e-4
"""Of inverse frequencies: `a` in a / (a + p)."""

_PLACEHOLDER = re.compile(r"[\[<].*\d+[\]>]")
_VECTORS, _TOKENIZER = "vectors.npy", "tokenizer.json"
STATIC_FILES = (_VECTORS, _TOKENIZER)
"""What a folder of a static embedder holds."""
_TOKENS_AT_ONCE = 1024
_TEXTS_AT_ONCE = 256

Floats = npt.NDArray[np.float32]


class StaticEmbedder(Model):
    """Text in, vectors out, without a transformer.

    Parameters
    ----------
    folder
        What `distill` wrote.

    Raises
    ------
    BadInput
        It is not there, or holds something else.
    MissingExtra
        `tokenizers` is not installed.
    """

    abilities = ("embed",)

    def __init__(self, folder: Path) -> None:
        self.reference = str(folder)
        try:
            self._vectors: Floats = np.load(folder / _VECTORS)
            tokenizer = (folder / _TOKENIZER).read_bytes()
        except (OSError, ValueError) as error:
            raise BadInput(f"{folder} holds no static embedder: {error}") from None
        self.digest = digest_file(folder / _VECTORS)
        self._tokenizer: Any = read_tokenizer(tokenizer)
        max_tokens = (json.loads(tokenizer).get("truncation") or {}).get("max_length", MAX_TOKENS)
        self._tokenizer.enable_truncation(max_tokens)
        self._characters = CHARACTERS_A_TOKEN * max_tokens

    @property
    def dimensions(self) -> int:
        return int(self._vectors.shape[1])

    def embed(self, texts: Sequence[str], batch_size: int = 1) -> Floats:
        """A row per text, the mean of its tokens' vectors; zeros for a text without tokens.

        No row depends on the texts beside it, whatever `batch_size`.
        """
        rows = np.zeros((len(texts), self.dimensions), np.float32)
        for start in range(0, len(texts), _TEXTS_AT_ONCE):
            begun = [text[: self._characters] for text in texts[start : start + _TEXTS_AT_ONCE]]
            encoded = self._tokenizer.encode_batch_fast(begun, add_special_tokens=False)
            for place, tokens in enumerate(encoded, start):
                if ids := tokens.ids:
                    np.add.reduce(self._vectors[ids], axis=0, out=rows[place])
                    rows[place] /= len(ids)
        return rows


def distill(teacher: Embedder, folder: Path, dimensions: int = DIMENSIONS) -> None:
    """Writes the static embedder of a model into a folder.

    The same model gives the same bytes, on the same kind of processor.

    Raises
    ------
    BadInput
        The model is no transformer with a tokenizer of its own.
    MissingExtra
        The library that runs the model is not installed.
    """
    try:
        import torch
    except ImportError:
        raise MissingExtra("distilling a model", "semantic") from None
    transformer = teacher.model[0]
    tokenizer = getattr(teacher.model.tokenizer, "backend_tokenizer", None)
    if not hasattr(transformer, "auto_model") or tokenizer is None:
        raise BadInput(
            f"model '{teacher.reference}' cannot be distilled: it is no transformer with a fast tokenizer"
        )
    size = tokenizer.get_vocab_size(with_added_tokens=True)
    special = [tokenizer.token_to_id(token) for token in teacher.model.tokenizer.all_special_tokens]
    before, after = _around(teacher.model.tokenizer)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    rows = []
    try:
        with torch.inference_mode():
            for start in range(0, size, _TOKENS_AT_ONCE):
                ids = [[*before, token, *after] for token in range(start, min(start + _TOKENS_AT_ONCE, size))]
                features = {
                    "input_ids": torch.tensor(ids, device=teacher.model.device),
                    "attention_mask": torch.ones(
                        (len(ids), len(ids[0])), dtype=torch.long, device=teacher.model.device
                    ),
                }
                rows.append(teacher.model.forward(features)["sentence_embedding"].float().cpu().numpy())
    finally:
        torch.set_num_threads(threads)
    vectors = _shortened(np.concatenate(rows).astype(np.float64), dimensions)
    frequencies = _frequencies([tokenizer.id_to_token(token) or "" for token in range(size)], special)
    vectors *= (SMOOTHING / (SMOOTHING + frequencies))[:, None]
    vectors -= frequencies @ vectors  # what a text of average words would be
    vectors[special] = 0
    np.save(folder / _VECTORS, vectors.astype(np.float32))
    own = read_tokenizer(tokenizer.to_str().encode())
    own.no_padding()
    own.enable_truncation(min(teacher.model.max_seq_length or MAX_TOKENS, MAX_TOKENS))
    own.save(str(folder / _TOKENIZER))


def _around(tokenizer: Any) -> tuple[list[int], list[int]]:
    """The tokens that the model expects before and after a text."""
    empty = list(tokenizer("")["input_ids"])
    if len(empty) == 1 and empty[0] == tokenizer.eos_token_id:
        return [], empty
    return empty[:1], empty[1:]


def _shortened(vectors: npt.NDArray[np.float64], dimensions: int) -> npt.NDArray[np.float64]:
    """The first principal components of centered vectors; of each component, the largest entry is positive."""
    centered = vectors - vectors.mean(axis=0)
    _, components = np.linalg.eigh(centered.T @ centered)
    components = components[:, ::-1][:, :dimensions]
    largest = np.abs(components).argmax(axis=0)
    components = components * np.sign(components[largest, np.arange(components.shape[1])])
    shortened: npt.NDArray[np.float64] = centered @ components
    return shortened


def _frequencies(tokens: Sequence[str], special: Sequence[int]) -> npt.NDArray[np.float64]:
    """Of each token, by its rank in the vocabulary; they add up to 1.

    Examples
    --------
    >>> _frequencies(["[PAD]", "京", "[unused7]", "the", "##s"], [0]).round(2).tolist()
    [0.11, 0.15, 0.09, 0.44, 0.22]
    """
    names = [token.removeprefix("##") for token in tokens]
    late = np.array([len(name) == 1 and not name.isascii() for name in names], np.int8)
    late[[bool(_PLACEHOLDER.fullmatch(name)) for name in names]] = 2
    late[list(special)] = 2
    ranks = np.empty(len(tokens))
    ranks[np.lexsort((np.arange(len(tokens)), late))] = np.arange(1, len(tokens) + 1)
    frequencies: npt.NDArray[np.float64] = 1 / ranks / (1 / ranks).sum()
    return frequencies
