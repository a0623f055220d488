"""Discovery of methods: in the package of their kind, or in a module that an entry point names."""

from __future__ import annotations

import importlib
import inspect
import os
import pkgutil
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import TypeVar, overload

from cupel.contract.method import WRITTEN_IN, Column, Method
from cupel.contract.own_methods import OWN_METHODS, add_files, own_modules
from cupel.errors import BadOption, UnknownName

__all__ = ["all_methods", "find_method", "label_columns", "load_methods", "methods_by_heading", "methods_of"]

Kind = TypeVar("Kind", bound=Method)


@cache
def all_methods() -> Mapping[str, type[Method]]:
    """All methods by name, sorted: built-in ones and those of installed packages.

    Raises
    ------
    BadOption
        Two methods, or two kinds, have one name; a kind has no name or heading; a package cannot be loaded.
    """
    methods: dict[str, type[Method]] = {}
    kinds: dict[str, type[Method]] = {}
    installed = [_load(entry) for entry in entry_points(group="cupel.methods")]
    rooms = [module for kind in _kinds(Method) if kind.room for module in _modules(kind.room)]
    for module in [*rooms, *installed, *own_modules()]:
        # A module may offer methods that are not classes in it: rules/ reads its YAML files this way.
        offered = getattr(module, "methods", None)
        for item in offered() if callable(offered) else vars(module).values():
            if inspect.isclass(item) and issubclass(item, Method) and "name" in vars(item):
                _claim(methods, item.name, item, "methods")
                kind = _kind(item)
                _claim(kinds, kind.kind, kind, "kinds")
    return dict(sorted(methods.items()))


def load_methods(*paths: str | os.PathLike[str]) -> list[str]:
    """Load methods from Python files, as `--methods` does; recipes may name them from then on.

    Parameters
    ----------
    paths
        Each a file with one or more classes derived from a kind of `cupel.contract`, such as `Signal`.

    Returns
    -------
    list of str
        The names of the methods in these files.

    Raises
    ------
    BadInput
        A file that is not there.
    BadOption
        A file that cannot be carried out, that holds no method, or whose method has the name of another.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> file = pathlib.Path(tempfile.mkdtemp()) / "empty.py"
    >>> _ = file.write_text("café = '東京'")
    >>> load_methods(file)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
      ...
    cupel.errors.BadOption: ...empty.py: holds no method; expected a class derived from a kind of cupel.contract...
    """
    before = os.environ.get(OWN_METHODS)
    try:
        add_files(paths)
        all_methods.cache_clear()
        label_columns.cache_clear()
        by_file: dict[str, list[str]] = {str(Path(path).absolute()): [] for path in paths}
        for name, method in all_methods().items():
            by_file.get(str(getattr(sys.modules[method.__module__], "__file__", "")), []).append(name)
        for path, names in by_file.items():
            if not names:
                raise BadOption(
                    f"{path}: holds no method; expected a class derived from a kind of cupel.contract, such as "
                    "Signal, that has a `name`"
                )
    except BaseException:
        os.environ.pop(OWN_METHODS, None)
        if before is not None:
            os.environ[OWN_METHODS] = before
        all_methods.cache_clear()
        label_columns.cache_clear()
        raise
    return [name for names in by_file.values() for name in names]


def methods_of(kind: type[Kind]) -> dict[str, type[Kind]]:
    """The methods of one kind, by name, sorted."""
    return {name: method for name, method in all_methods().items() if issubclass(method, kind)}


def methods_by_heading() -> dict[str, dict[str, type[Method]]]:
    """The methods under the headings of their kinds: first what recipes name, then commands, then scales, and of
    these first the kinds with the most methods."""
    listed: dict[str, dict[str, type[Method]]] = {}
    for name, method in all_methods().items():
        listed.setdefault(method.heading, {})[name] = method

    def place(heading: str) -> tuple[int, int, str]:
        methods = listed[heading]
        written_in = next(iter(methods.values())).written_in
        return WRITTEN_IN.index(written_in), -len(methods), heading

    return {heading: listed[heading] for heading in sorted(listed, key=place)}


@cache
def label_columns() -> Mapping[str, Column]:
    """The text columns of the unit `label`, by name, of all methods."""
    return {
        name: column
        for method in all_methods().values()
        for name, column in method.columns.items()
        if column.is_label
    }


@overload
def find_method(name: str, *, where: str = "") -> type[Method]: ...


@overload
def find_method(name: str, kind: type[Kind], where: str = "") -> type[Kind]: ...


def find_method(name: str, kind: type[Method] = Method, where: str = "") -> type[Method]:
    """The method called `name`, of any kind or of `kind`.

    Raises
    ------
    UnknownName
        No such method; the message suggests the nearest name.
    """
    known = methods_of(kind)
    if name not in known:
        raise UnknownName(kind.kind or "method", name, known, where=where)
    return known[name]


def _load(entry: EntryPoint) -> ModuleType:
    try:
        module: ModuleType = entry.load()
    except Exception as error:
        package = entry.dist.name if entry.dist else entry.name
        raise BadOption(
            f"package '{package}': its methods in {entry.value} cannot be loaded: "
            f"{type(error).__name__}: {error}; mend or uninstall it"
        ) from error
    return module


def _modules(room: str) -> Iterator[ModuleType]:
    """A room and its public modules."""
    package = importlib.import_module(room)
    yield package
    for info in pkgutil.iter_modules(package.__path__):
        if not info.name.startswith("_"):
            yield importlib.import_module(f"{room}.{info.name}")


def _kinds(base: type[Method]) -> Iterator[type[Method]]:
    """Every class below `base` that declares a kind."""
    for subclass in base.__subclasses__():
        if "kind" in vars(subclass):
            yield subclass
        yield from _kinds(subclass)


def _kind(method: type[Method]) -> type[Method]:
    """The class that declares the method's kind."""
    if not (method.kind and method.heading):
        raise BadOption(
            f"method '{method.name}' of {method.__module__}: its kind has no name or no heading; derive it from "
            "a kind of cupel.contract, such as Signal, or from a subclass of Method that sets kind and heading"
        )
    return next(declaring for declaring in method.__mro__ if "kind" in vars(declaring))


def _claim(known: dict[str, type[Method]], name: str, claimant: type[Method], what: str) -> None:
    """Register a class under a name, unless another class has it."""
    first = known.setdefault(name, claimant)
    if first is not claimant:
        raise BadOption(f"two {what} are called '{name}': {first.__module__} and {claimant.__module__}")
