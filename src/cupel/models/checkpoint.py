"""Finished trials in: an ordinary Hugging Face folder, read without running anything from it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from cupel.errors import BadInput, MissingExtra
from cupel.models.normalizers import stage_types
from cupel.models.safety import check_model_folder, check_weights

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

__all__ = ["as_read", "load_checkpoint", "prefix_token", "text_encoder"]


def load_checkpoint(
    folder: Path, *, device: str = "cpu", dtype: Literal["float32", "bfloat16"] = "float32"
) -> tuple[PreTrainedModel, PreTrainedTokenizerFast]:
    """Model and tokenizer of a trial's folder: `config.json`, `model.safetensors`, `tokenizer.json`.

    Weights are read as safetensors only and no code from the folder runs: pickled weights and
    configurations that name code of their own are refused.

    Parameters
    ----------
    folder
        Local; nothing is fetched.
    device
        As PyTorch names it.
    dtype
        What the model computes in. On a CPU without bfloat16 instructions float32 is the faster one.

    Raises
    ------
    BadInput
        A file is missing or cannot be read, weights are pickled, or the folder brings code.
    MissingExtra
        PyTorch or transformers is not installed.
    """
    config = _config(folder)
    check_weights(folder)
    check_model_folder(folder)
    try:
        import torch
        from safetensors import SafetensorError
        from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast
        from transformers.utils.logging import disable_progress_bar
    except ImportError:
        raise MissingExtra("scoring a trial", "lab") from None
    disable_progress_bar()
    try:
        model: Any = AutoModelForCausalLM.from_pretrained(
            folder,
            dtype=getattr(torch, dtype),
            use_safetensors=True,
            trust_remote_code=False,
            local_files_only=True,
        )
        # Not AutoTokenizer: for a Llama it may put Llama's own splitting in place of the file's.
        tokenizer = PreTrainedTokenizerFast.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        raise BadInput(f"{folder}: not a checkpoint that can be read: {error}") from None
    _name_special_tokens(tokenizer, config)
    return model.to(device).eval(), tokenizer


def prefix_token(tokenizer: Any) -> int:
    """The token that stands before a text: the beginning-of-text token, else the end-of-text token.

    Raises
    ------
    BadInput
        The tokenizer has neither.
    """
    for token in (tokenizer.bos_token_id, tokenizer.eos_token_id):
        if token is not None:
            return int(token)
    raise BadInput(
        "the tokenizer has neither a BOS nor an EOS token, so a text's first token follows nothing; "
        "name one in tokenizer_config.json (eos_token) or in config.json (eos_token_id)"
    )


def text_encoder(tokenizer: Any) -> Any:
    """The tokenizer's `tokenizers.Tokenizer`, copied, for plain text: no truncation and no padding.

    What looks like a special token inside of a text is text, so that no document can end itself.
    """
    from tokenizers import Tokenizer

    plain = Tokenizer.from_str(tokenizer.backend_tokenizer.to_str())
    plain.no_truncation()
    plain.no_padding()
    plain.encode_special_tokens = True
    return plain


def as_read(encoder: Any, texts: Sequence[str]) -> list[str]:
    """The texts whose tokens an encoder of `text_encoder` gives: composed where its only normalizer is NFC.

    What the tokens stand for is what bits are counted of; `é` has fewer bytes than `e` and a combining accent.
    """
    declared = json.loads(encoder.to_str()).get("normalizer")
    if stage_types(declared) != ["NFC"]:
        return list(texts)
    return [encoder.normalizer.normalize_str(text) for text in texts]


def _config(folder: Path) -> dict[str, Any]:
    for name in ("config.json", "tokenizer.json"):
        if not (folder / name).is_file():
            raise BadInput(f"{folder}: no {name}; expected config.json, model.safetensors and tokenizer.json")
    try:
        config = json.loads((folder / "config.json").read_text("utf-8"))
    except ValueError as error:
        raise BadInput(f"{folder / 'config.json'}: not JSON: {error}") from None
    if not isinstance(config, dict):
        raise BadInput(f"{folder / 'config.json'}: expected a JSON object")
    return config


def _name_special_tokens(tokenizer: Any, config: dict[str, Any]) -> None:
    """Take from the model's configuration what the tokenizer's does not say."""
    for role in ("bos", "eos"):
        token = config.get(f"{role}_token_id")
        if getattr(tokenizer, f"{role}_token_id") is None and isinstance(token, int):
            text = tokenizer.convert_ids_to_tokens(token)
            if text is not None:
                setattr(tokenizer, f"{role}_token", text)
