"""Methods of a user's own in one file, without a package: `--methods my.py`, or `cupel.load_methods("my.py")`.

The files are named in the environment variable `CUPEL_METHODS`, which the processes that a run starts inherit, on
this machine and on Ray. They are loaded like the module of an installed package; what a file holds counts in the
digest of every recipe that is loaded after it.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import ModuleType

from cupel.errors import BadInput, BadOption
from cupel.store import digest

__all__ = ["OWN_METHODS", "add_files", "code_digests", "own_digests", "own_modules"]

OWN_METHODS = "CUPEL_METHODS"

_MODULES: dict[tuple[str, str], ModuleType] = {}
"""Loaded modules, by path and content: an edited file is loaded again, an unchanged one only once."""
_LOADED: dict[str, str] = {}
"""Digest of each file when it was last loaded, by path: the file may have been edited since."""


def add_files(paths: tuple[str | os.PathLike[str], ...]) -> None:
    """Add files of methods, for this process and the processes it starts.

    Raises
    ------
    BadInput
        A file does not exist, or its path holds the separator of lists of paths.
    """
    named = dict.fromkeys(_files())
    for path in paths:
        file = Path(path).absolute()
        if not file.is_file():
            raise BadInput(f"--methods {path}: no such file; expected a Python file with a method in it")
        if os.pathsep in str(file):
            raise BadInput(
                f"--methods {path}: '{os.pathsep}' separates the paths that the processes of a run inherit in "
                f"${OWN_METHODS}; rename {file}"
            )
        named[str(file)] = None
    os.environ[OWN_METHODS] = os.pathsep.join(named)


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


def own_digests() -> list[str]:
    """The digests of all files that are named, as they were loaded, sorted; empty where none is named.

    Names do not count: two files may share one, and a file that was moved holds the same methods.
    """
    files = _files()
    if not _LOADED.keys() >= set(files):
        own_modules()
    return sorted({_LOADED[path] for path in files})


def code_digests(method: type) -> dict[str, str]:
    """The digests of the files that a method of a user's own is written in; empty for all other methods.

    A method of a package has a `version` that goes up; a file that is being edited has only its content.
    """
    by_module = {module.__name__: content for (_, content), module in _MODULES.items()}
    digests = sorted({by_module[base.__module__] for base in method.__mro__ if base.__module__ in by_module})
    return {f"code {number}": digest for number, digest in enumerate(digests, 1)}


def _files() -> list[str]:
    return [path for path in os.environ.get(OWN_METHODS, "").split(os.pathsep) if path]


def _module(path: str) -> ModuleType:
    try:
        source = Path(path).read_bytes()
    except OSError as error:
        raise BadInput(
            f"{path}: {error.strerror or error}; it is named by --methods or ${OWN_METHODS}"
        ) from None
    key = path, digest(source)
    if key not in _MODULES:
        _MODULES[key] = _execute(path, source, f"cupel_methods_{Path(path).stem}_{digest(repr(key))[:8]}")
    _LOADED[path] = key[1]
    return _MODULES[key]


def _execute(path: str, source: bytes, name: str) -> ModuleType:
    """The module that this source makes; never from bytecode, which an edit within the same second does not outdate."""
    module = ModuleType(name)
    module.__file__ = path
    sys.modules[name] = module
    try:
        exec(compile(source, path, "exec", dont_inherit=True), module.__dict__)
    except Exception as error:
        del sys.modules[name]
        raise BadOption(f"{path}{_line(error, path)}: {type(error).__name__}: {_reason(error)}") from error
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
