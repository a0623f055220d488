"""Classifiers and regressions on top of an encoder, and what `cupel fit` learned: models that are asked for labels."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cupel.errors import BadInput, MissingExtra
from cupel.models.folder import digest_folder
from cupel.models.model import Model
from cupel.models.safety import check_model_folder, check_weights

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

__all__ = ["Head", "load_head"]

CHARACTERS_PER_TOKEN = 24
"""A text is cut to so many per token of the context before it is tokenized; what follows is never seen."""
MAX_CONTEXT = 8192


class Head(Model):
    """A transformers model for sequence classification: probabilities of labels, or the value of a regression.

    The model sees the beginning of a text, as far as its context goes; heads are published with scores of such
    beginnings. On a CPU each text is run alone, on one thread, and texts run side by side, so no score depends on the texts
    beside it.

    Parameters
    ----------
    reference, digest
        As `Model` has them.
    model, tokenizer
        Of transformers; the tokenizer is a fast one.
    """

    abilities = ("classify",)

    def __init__(self, reference: str, digest: str, model: Any, tokenizer: Any) -> None:
        import torch

        self.reference = reference
        self.digest = digest
        self.model = model
        config = model.config
        self.labels = tuple(str(config.id2label[place]) for place in range(config.num_labels))
        self._independent = getattr(config, "problem_type", None) == "multi_label_classification"
        self._context = _context(config, tokenizer)
        self._tokenizer = tokenizer
        self._workers = ThreadPoolExecutor(
            torch.get_num_threads() if model.device.type == "cpu" else 1,
            thread_name_prefix="cupel",
            initializer=lambda: torch.set_num_threads(1),  # of each worker's own
        )

    def classify(self, texts: pa.Array) -> NDArray[np.float32]:
        """One row per text, one column per label; NaN for null.

        Softmax over the labels, a sigmoid of each where the model says that they are independent, and the value as it
        is where there is a single one.

        Raises
        ------
        BadInput
            The model gives no finite number.
        """
        values = texts.to_pylist()
        rows = np.full((len(values), len(self.labels)), np.nan, np.float32)
        places = [place for place, text in enumerate(values) if text is not None]
        tokens = [self._tokens(values[place]) for place in places]  # one thread tokenizes
        for place, row in zip(places, self._workers.map(self._score, tokens), strict=True):
            rows[place] = row
        return rows

    def _tokens(self, text: str) -> list[int]:
        beginning = text[: CHARACTERS_PER_TOKEN * self._context]
        ids = self._tokenizer(beginning, truncation=True, max_length=self._context)["input_ids"]
        return [int(token) for token in ids] or [int(self._tokenizer.pad_token_id or 0)]

    def _score(self, tokens: list[int]) -> NDArray[np.float32]:
        import torch

        with torch.inference_mode():
            ids = torch.tensor([tokens], device=self.model.device)
            logits = self.model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits[0].float()
            if self._independent:
                logits = torch.sigmoid(logits)
            elif len(self.labels) > 1:
                logits = torch.softmax(logits, dim=-1)
            row: NDArray[np.float32] = logits.cpu().numpy()
        if not np.isfinite(row).all():
            raise BadInput(f"model '{self.reference}' gives no finite number for a text")
        return row


def load_head(reference: str, folder: Path, device: str = "cpu") -> Model:
    """The classifier of a folder: what `cupel fit` learned, or a transformers model for sequence classification.

    Weights are read as safetensors only, and no code from the folder runs.

    Raises
    ------
    BadInput
        A file is missing or cannot be read, weights are pickled, or the folder brings code.
    MissingExtra
        PyTorch or transformers is not installed.
    """
    if (folder / "model.bin").is_file():
        from cupel.models.classifier import Classifier
        from cupel.models.fasttext import FastText

        return Classifier(reference, FastText.load(folder / "model.bin"))
    if (folder / "pooled.safetensors").is_file():
        from cupel.models.pooled import PooledClassifier

        return PooledClassifier(reference, folder)
    check_weights(folder)
    check_model_folder(folder)
    try:
        import torch
        from safetensors import SafetensorError
        from transformers import AutoModelForSequenceClassification, AutoTokenizer
        from transformers.utils.logging import disable_progress_bar
    except ImportError:
        raise MissingExtra("a classifier of transformers", "lab") from None
    disable_progress_bar()
    try:
        model: Any = AutoModelForSequenceClassification.from_pretrained(
            folder,
            dtype=torch.float32 if device == "cpu" else torch.bfloat16,
            use_safetensors=True,
            trust_remote_code=False,
            local_files_only=True,
        )
        tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        first = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise BadInput(f"{folder}: not a classifier that can be read: {first}") from None
    return Head(reference, digest_folder(folder), model.to(device).eval(), tokenizer)


def _context(config: Any, tokenizer: Any) -> int:
    """Tokens that the model sees: the least of what its positions and its tokenizer allow."""
    stated = [getattr(config, "max_position_embeddings", None), getattr(tokenizer, "model_max_length", None)]
    limits = [int(limit) for limit in stated if isinstance(limit, int) and 0 < limit < 1 << 30]
    reserved = 2 if getattr(config, "model_type", "") in ("roberta", "xlm-roberta", "camembert") else 0
    return min([*(limit - reserved for limit in limits[:1]), *limits[1:], MAX_CONTEXT])
