"""A sentence-transformers model that several threads may use at once.

sentence-transformers is taken because a model's folder may hold more than a transformer and its
pooling (dense layers, static embeddings, prompts), and it knows all of them.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from cupel.errors import BadInput, MissingExtra
from cupel.models.folder import digest_folder
from cupel.models.model import Model
from cupel.models.safety import check_model_folder

__all__ = ["Embedder", "load_embedder"]


class Embedder(Model):
    """Text in, vectors out."""

    abilities = ("embed",)

    def __init__(self, reference: str, digest: str, model: Any, threads: int) -> None:
        self.reference = reference
        self.digest = digest
        self.model = model
        self.threads = threads
        self.tokenizing = threading.Lock()

    def embed(self, texts: Sequence[str], batch_size: int = 1) -> npt.NDArray[np.float32]:
        """A row per text. Each thread computes alone: the work is divided above, by documents.

        Parameters
        ----------
        batch_size
            Texts that the model takes at once. With 1 no vector depends on the texts beside it.
        """
        import torch

        # A thread's own setting; that of other threads is not touched.
        torch.set_num_threads(1)
        try:
            with torch.inference_mode():
                parts = [
                    self._forward(texts[start : start + batch_size])
                    for start in range(0, len(texts), batch_size)
                ]
        finally:
            torch.set_num_threads(self.threads)
        return np.concatenate(parts) if parts else np.empty((0, 0), np.float32)

    def _forward(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        with self.tokenizing:  # the tokenizer refuses two threads at once
            features = self.model.preprocess(list(texts))
        on_device = {
            name: value.to(self.model.device) if hasattr(value, "to") else value
            for name, value in features.items()
        }
        vectors: npt.NDArray[np.float32] = (
            self.model.forward(on_device)["sentence_embedding"].float().cpu().numpy()
        )
        return vectors


def load_embedder(reference: str, folder: Path, device: str = "cpu") -> Embedder:
    """The model of a folder of sentence-transformers, or of a plain transformers model, whose tokens are averaged.

    Raises
    ------
    BadInput
        What is there cannot be loaded, or loading it could run code that came with it.
    MissingExtra
        sentence-transformers is not installed.
    """
    check_model_folder(folder)
    try:
        import torch
        from sentence_transformers import SentenceTransformer
    except ImportError:
        raise MissingExtra("embedding by a model", "semantic") from None
    threads = torch.get_num_threads()
    try:
        model = SentenceTransformer(
            str(folder), device=device, trust_remote_code=False, local_files_only=True
        )
    except (OSError, ValueError, KeyError, RuntimeError, AssertionError) as error:
        first = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise BadInput(f"model '{reference}' on {device} cannot be loaded: {first}") from None
    model.eval()
    tokenizer = model.tokenizer
    if getattr(tokenizer, "pad_token", "") is None:  # a causal model's; what stands there is masked
        tokenizer.pad_token = tokenizer.eos_token or tokenizer.convert_ids_to_tokens(0)
    return Embedder(reference, digest_folder(folder), model, threads)
