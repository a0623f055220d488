"""Finished trials in: an ordinary Hugging Face folder, read without running anything from it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from cupel.errors import BadInput, MissingExtra
from cupel.signals._tokenizers import stage_types

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

__all__ = ["as_read", "load_checkpoint", "prefix_token", "text_encoder"]

_INDEX = "model.safetensors.index.json"


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
    if config.get("auto_map"):
        raise BadInput(f"{folder}: the configuration names code of its own (auto_map); such code is not run")
    _check_weights(folder)
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


def _check_weights(folder: Path) -> None:
    if (folder / "model.safetensors").is_file():
        return
    if (folder / _INDEX).is_file():
        _check_shards(folder)
        return
    pickled = sorted(path.name for kind in ("*.bin", "*.pt", "*.pth") for path in folder.glob(kind))
    if pickled:
        raise BadInput(
            f"{folder}: {pickled[0]} is a pickle, which can run code when it is read; "
            "save the weights as model.safetensors (save_pretrained does)"
        )
    raise BadInput(f"{folder}: no model.safetensors; the trial did not finish, or this is another folder")


def _check_shards(folder: Path) -> None:
    """Every file that the index names must be safetensors inside the folder. Only names are checked: files of
    a Hugging Face cache are links to elsewhere."""
    path = folder / _INDEX
    try:
        shards = json.loads(path.read_text("utf-8"))["weight_map"].values()
        names = sorted(set(shards))
    except (ValueError, KeyError, TypeError, AttributeError):
        raise BadInput(f"{path}: no index of weights; expected a JSON object with a weight_map") from None
    for name in names:
        if not isinstance(name, str) or not name.endswith(".safetensors"):
            raise BadInput(
                f"{path}: it names {name!r}, which is not safetensors and can run code when it is read; "
                "save the weights as safetensors (save_pretrained does)"
            )
        if "/" in name or "\\" in name:
            raise BadInput(f"{path}: it names {name!r}; expected files of the folder itself, by name alone")
        if not (folder / name).is_file():
            raise BadInput(f"{path}: it names {name}, which is not there; copy or download the folder again")


def _name_special_tokens(tokenizer: Any, config: dict[str, Any]) -> None:
    """Take from the model's configuration what the tokenizer's does not say."""
    for role in ("bos", "eos"):
        token = config.get(f"{role}_token_id")
        if getattr(tokenizer, f"{role}_token_id") is None and isinstance(token, int):
            text = tokenizer.convert_ids_to_tokens(token)
            if text is not None:
                setattr(tokenizer, f"{role}_token", text)
