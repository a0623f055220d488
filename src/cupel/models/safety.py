"""What a folder of a model may hold: loading it must not run code that came with it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from cupel.errors import BadInput

__all__ = ["check_model_folder", "check_weights", "module_folders"]

_INDEX = "model.safetensors.index.json"

_LIBRARY = "sentence_transformers."
_PICKLES = ("pytorch_model*.bin", "adapter_model.bin", "*.pt", "*.pth", "*.pkl", "*.ckpt")


def check_model_folder(folder: Path) -> None:
    """Refuse a folder of sentence-transformers whose loading can run code of the folder's own.

    Parameters
    ----------
    folder
        Local, with `modules.json`, or of a plain transformers model.

    Raises
    ------
    BadInput
        A module's class is not of sentence-transformers, a configuration names code (`auto_map`), a Python
        file lies there, a module lies outside the folder, weights are pickles only, or a configuration
        cannot be read.
    """
    for part in module_folders(folder):
        for file in sorted(part.glob("*.py")):
            raise BadInput(
                f"{file}: code that comes with a model is not run; take a model without Python files"
            )
        for name in ("config.json", "tokenizer_config.json", "preprocessor_config.json"):
            config = _json(part / name)
            if isinstance(config, dict) and config.get("auto_map"):
                raise BadInput(
                    f"{part / name}: it names code of its own (auto_map), which is not run; take a model that "
                    "transformers itself knows"
                )
        pickles = sorted(path.name for kind in _PICKLES for path in part.glob(kind))
        if pickles and not any(part.glob("*.safetensors")):
            raise BadInput(
                f"{part / pickles[0]} is a pickle, which can run code when it is read; save the model as "
                "safetensors (save_pretrained does)"
            )


def check_weights(folder: Path) -> None:
    """Refuse a folder of transformers that has no whole weights, or has them as pickles.

    Raises
    ------
    BadInput
        With what is missing.
    """
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


def module_folders(folder: Path) -> list[Path]:
    """The folder and those of its modules; their classes are checked on the way."""
    parts = {folder}
    waiting = [folder]
    while waiting:
        part = waiting.pop()
        for name, kind, file in (*_modules(part / "modules.json"), *_routes(part / "router_config.json")):
            if not isinstance(kind, str) or not kind.startswith(_LIBRARY):
                raise BadInput(
                    f"{file}: it names the class {kind!r}; expected one of sentence-transformers "
                    f"('{_LIBRARY}…'): other code is not run"
                )
            if not isinstance(name, str) or _leaves(name):
                raise BadInput(f"{file}: it names the folder {name!r}; expected one inside of {part}")
            inner = part / name
            if inner not in parts:
                parts.add(inner)
                waiting.append(inner)
    return sorted(parts)


def _modules(file: Path) -> Iterator[tuple[Any, Any, Path]]:
    modules = _json(file)
    if modules is None:
        return
    if not isinstance(modules, list) or not all(isinstance(module, dict) for module in modules):
        raise BadInput(f"{file}: expected a list of modules, each with a path and a type")
    for module in modules:
        yield module.get("path"), module.get("type"), file


def _routes(file: Path) -> Iterator[tuple[Any, Any, Path]]:
    config = _json(file)
    if config is None:
        return
    types = config.get("types") if isinstance(config, dict) else None
    if not isinstance(types, dict):
        raise BadInput(f"{file}: expected the modules' types by their folders (types)")
    for name, kind in types.items():
        yield name, kind, file


def _leaves(name: str) -> bool:
    path = PurePosixPath(name.replace("\\", "/"))
    return path.is_absolute() or ".." in path.parts


def _json(file: Path) -> Any:
    """What is in a configuration; None where there is none."""
    try:
        return json.loads(file.read_text("utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        raise BadInput(f"{file}: cannot be read as JSON: {error}") from None
