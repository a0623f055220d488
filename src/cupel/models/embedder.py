"""A sentence-transformers model that several threads may use at once.

sentence-transformers is taken because a model's folder may hold more than a transformer and its
pooling (dense layers, static embeddings, prompts), and it knows all of them.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from cupel.errors import BadInput, BadOption, MissingExtra
from cupel.models.safety import check_model_folder

__all__ = ["Model", "load"]

_loading = threading.Lock()


class Model:
    """Text in, vectors out."""

    def __init__(self, model: Any, threads: int) -> None:
        self.model = model
        self.threads = threads
        self.tokenizing = threading.Lock()

    def embed(self, texts: Sequence[str], batch_size: int) -> npt.NDArray[np.float32]:
        """One row a text. Each thread computes alone: the work is divided above, by documents."""
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
        return np.concatenate(parts)

    def _forward(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        with self.tokenizing:  # the tokenizer refuses two threads at once
            features = self.model.preprocess(list(texts))
        on_device = {
            name: value.to(self.model.device) if hasattr(value, "to") else value
            for name, value in features.items()
        }
        found: npt.NDArray[np.float32] = (
            self.model.forward(on_device)["sentence_embedding"].float().cpu().numpy()
        )
        return found


def load(name: str, device: str) -> Model:
    """The model, loaded once a process.

    Raises
    ------
    MissingExtra
        sentence-transformers is not installed.
    BadOption
        No such folder, or no such device.
    BadInput
        What is there cannot be loaded, or loading it could run code that came with it.
    """
    with _loading:
        return _load(name, device)


@lru_cache(maxsize=2)
def _load(name: str, device: str) -> Model:
    path = Path(name).expanduser()
    if _is_path(name) and not path.is_dir():
        raise BadOption(
            f"model '{name}': no such folder; expected one that sentence-transformers has written"
        )
    if path.is_dir():
        check_model_folder(path)
    try:
        import torch
        from sentence_transformers import SentenceTransformer
    except ImportError:
        raise MissingExtra("embedding by a model", "semantic") from None
    threads = torch.get_num_threads()
    try:
        model = SentenceTransformer(
            str(path) if path.is_dir() else name, device=device, trust_remote_code=False
        )
    except (OSError, ValueError, KeyError, RuntimeError, AssertionError) as error:
        first = (str(error).strip() or type(error).__name__).splitlines()[0]
        where = "" if path.is_dir() else "; a name of two parts is looked for on the Hugging Face hub"
        raise BadInput(f"model '{name}' on {device} cannot be loaded: {first}{where}") from None
    model.eval()
    return Model(model, threads)


def _is_path(name: str) -> bool:
    """Whether this can be no name on the hub: those have at most one slash, inside."""
    return name.startswith(("/", ".", "~")) or name.count("/") > 1 or "\\" in name
