"""Methods of a user's own in one file, without a package: `--methods my.py`, or `cupel.load_methods("my.py")`.

The files are named in the environment variable `CUPEL_METHODS`, which the processes that a run starts inherit, on
this machine and on Ray. They are loaded like the module of an installed package; what a file holds counts in the
digest of every recipe that is loaded after it.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

from cupel.errors import BadInput, BadOption
from cupel.store import digest_file

__all__ = ["VARIABLE", "add_files", "own_digests", "own_modules"]

VARIABLE = "CUPEL_METHODS"

_MODULES: dict[tuple[str, str], ModuleType] = {}
"""Loaded modules, by path and content: an edited file is loaded again, an unchanged one only once."""


def add_files(paths: tuple[str | os.PathLike[str], ...]) -> None:
    """Add files of methods, for this process and the processes it starts.

    Raises
    ------
    BadInput
        A file does not exist.
    """
    named = dict.fromkeys(_files())
    for path in paths:
        file = Path(path).absolute()
        if not file.is_file():
            raise BadInput(f"--methods {path}: no such file; expected a Python file with a method in it")
        named[str(file)] = None
    os.environ[VARIABLE] = os.pathsep.join(named)


def own_modules() -> list[ModuleType]:
    """The modules of all files that are named.

    Raises
    ------
    BadOption
        One cannot be carried out; the message names its line.
    BadInput
        One is not there.
    """
    return [_module(path) for path in _files()]


def own_digests() -> Mapping[str, str]:
    """The hash of each file, by its name; empty where none is named."""
    return {Path(path).name: digest_file(Path(path)) for path in _files()}


def _files() -> list[str]:
    return [path for path in os.environ.get(VARIABLE, "").split(os.pathsep) if path]


def _module(path: str) -> ModuleType:
    try:
        key = path, digest_file(Path(path))
    except OSError as error:
        raise BadInput(
            f"{path}: {error.strerror or error}; it is named by --methods or ${VARIABLE}"
        ) from None
    if key in _MODULES:
        return _MODULES[key]
    name = f"cupel_methods_{Path(path).stem}_{key[1][:8]}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise BadInput(f"{path}: expected a Python file, with a name that ends in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise BadOption(f"{path}{_line(error, path)}: {type(error).__name__}: {_reason(error)}") from error
    _MODULES[key] = module
    return module


def _line(error: Exception, path: str) -> str:
    """The last line of the file in the traceback of an error, as `, line 3`."""
    if isinstance(error, SyntaxError) and error.filename == path:
        return f", line {error.lineno}"
    number = None
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == path:
            number = trace.tb_lineno
        trace = trace.tb_next
    return "" if number is None else f", line {number}"


def _reason(error: Exception) -> str:
    return (error.msg if isinstance(error, SyntaxError) else str(error)).strip().partition("\n")[0]
