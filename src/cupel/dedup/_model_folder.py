"""What a folder of an embedding model may hold: loading it must not run code that came with it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from cupel.errors import BadInput

__all__ = ["check_model_folder"]

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
    for part in _parts(folder):
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
                "safetensors (SentenceTransformer.save_pretrained does)"
            )


def _parts(folder: Path) -> list[Path]:
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
