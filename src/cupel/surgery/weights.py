"""Weights of model folders: read tensor by tensor, compared, averaged, written as a folder of the same layout."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cupel.errors import BadInput, MissingExtra
from cupel.store import digest_file, make_folder

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["average", "check_alike"]

_COPIED = (
    "config.json",
    "generation_config.json",
    "model.safetensors.index.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "chat_template.jinja",
)
_FREE = {"_name_or_path", "transformers_version", "torch_dtype", "dtype", "architectures", "use_cache"}
"""Fields of a configuration in which models of one architecture may differ."""


def check_alike(folders: Sequence[Path], where: str) -> None:
    """Whether all models have one architecture, one tokenizer, and parameters of the same names and shapes.

    Parameters
    ----------
    where
        What asks, for messages.

    Raises
    ------
    BadInput
        Naming the first field, file or parameter in which a model differs from the first one.
    """
    first = folders[0]
    config, shapes = _config(first), _shapes(first)
    tokenizer = digest_file(first / "tokenizer.json")
    for folder in folders[1:]:
        other = _config(folder)
        for field in sorted((config.keys() | other.keys()) - _FREE):
            if config.get(field) != other.get(field):
                raise BadInput(
                    f"{where}: {folder}: {field} is {other.get(field)!r} in config.json, and {config.get(field)!r} in "
                    f"{first}; expected models of one architecture"
                )
        if digest_file(folder / "tokenizer.json") != tokenizer:
            raise BadInput(
                f"{where}: {folder}: its tokenizer.json differs from that of {first}; a token would mean two things"
            )
        own = _shapes(folder)
        for name in sorted(shapes.keys() | own.keys()):
            if shapes.get(name) != own.get(name):
                raise BadInput(
                    f"{where}: {folder}: parameter '{name}' is {_shape(own.get(name))}, and {_shape(shapes.get(name))} in "
                    f"{first}; expected parameters of the same shapes"
                )


def average(folders: Sequence[Path], weights: Sequence[float], output: Path) -> None:
    """Write the weighted mean of models that `check_alike` passed, in the layout and number format of the first.

    Memory: one file of weights, and one tensor of each model. Sums are taken in float64.

    Parameters
    ----------
    weights
        One per model; they add up to one.
    output
        A new folder.
    """
    try:
        import torch
        from safetensors.torch import save_file
    except ImportError:
        raise MissingExtra("averaging models", "lab") from None
    make_folder(output)
    for name in _COPIED:
        if (folders[0] / name).is_file():
            shutil.copyfile(folders[0] / name, output / name)
    _name_architecture(output / "config.json")
    readers = [_Reader(folder) for folder in folders]
    for file, names in readers[0].files.items():
        mixed = {}
        for name in names:
            tensors = [reader.tensor(name) for reader in readers]
            if not tensors[0].is_floating_point():
                mixed[name] = tensors[0]  # positions and masks, which are no weights
                continue
            total = torch.zeros(tensors[0].shape, dtype=torch.float64)
            for tensor, weight in zip(tensors, weights, strict=True):
                total += tensor.double() * weight
            mixed[name] = total.to(tensors[0].dtype)
        save_file(mixed, output / file, {"format": "pt"})


class _Reader:
    """The tensors of one folder, each read when it is asked for."""

    def __init__(self, folder: Path) -> None:
        self.files = {path.name: _names(path) for path in _weight_files(folder)}
        self._place = {name: folder / file for file, names in self.files.items() for name in names}

    def tensor(self, name: str) -> Tensor:
        from safetensors import safe_open

        with safe_open(self._place[name], framework="pt") as file:
            tensor: Tensor = file.get_tensor(name)
        return tensor


def _weight_files(folder: Path) -> list[Path]:
    """The files that hold the weights: those of the index, or the one file there is."""
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        try:
            named: Mapping[str, str] = json.loads(index.read_bytes())["weight_map"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise BadInput(f"{index} cannot be read: {error}") from None
        files = sorted({folder / Path(name).name for name in named.values()})
    else:
        files = [folder / "model.safetensors"]
    for file in files:
        if not file.is_file():
            raise BadInput(f"{file}: no such file; expected weights as safetensors")
    return files


def _shapes(folder: Path) -> dict[str, tuple[int, ...]]:
    """Shape of every parameter, from the headers of the files."""
    try:
        from safetensors import SafetensorError, safe_open
    except ImportError:
        raise MissingExtra("reading weights", "lab") from None
    shapes: dict[str, tuple[int, ...]] = {}
    for path in _weight_files(folder):
        try:
            with safe_open(path, framework="np") as file:
                shapes |= {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
        except SafetensorError as error:
            raise BadInput(f"{path}: cannot be read: {error}") from None
    return shapes


def _names(path: Path) -> list[str]:
    from safetensors import safe_open

    with safe_open(path, framework="np") as file:
        return list(file.keys())


def _config(folder: Path) -> dict[str, Any]:
    try:
        return dict(json.loads((folder / "config.json").read_bytes()))
    except (OSError, ValueError, TypeError) as error:
        raise BadInput(f"{folder / 'config.json'}: cannot be read: {error}") from None


def _name_architecture(path: Path) -> None:
    """Say in the configuration that it is a causal model, which a plain reference to the folder looks for."""
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

    config = json.loads(path.read_bytes())
    name = MODEL_FOR_CAUSAL_LM_MAPPING_NAMES.get(config.get("model_type"))
    if not config.get("architectures") and name is not None:
        config["architectures"] = [name]
        path.write_text(json.dumps(config, indent=2) + "\n", "utf-8")


def _shape(shape: tuple[int, ...] | None) -> str:
    return "missing" if shape is None else " × ".join(map(str, shape)) or "a number"
