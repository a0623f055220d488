"""Options of a method on the command line: as its card lists them, none of them known here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, get_args, get_origin

import yaml

from cupel.errors import BadOption, UnknownName

if TYPE_CHECKING:
    from cupel.contract import Method

__all__ = ["method_options"]


def method_options(
    method: type[Method], words: Sequence[str], kept_out: Sequence[str] = ()
) -> tuple[list[str], dict[str, Any]]:
    """What stands on the command line, as names of pools and the method's options.

    `--min-count 3` and `--min-count=3` set the option `min_count`; values are read as YAML. An option that takes
    several values is repeated. A switch needs no value: `--lowest`.

    Parameters
    ----------
    kept_out
        Options of the method that have no meaning here.

    Raises
    ------
    UnknownName
        An option that the method does not have, with the nearest one.
    BadOption
        A value is missing, or not YAML.
    """
    fields = {
        name.replace("_", "-"): field
        for name, field in method.Options.model_fields.items()
        if name not in kept_out
    }
    names: list[str] = []
    options: dict[str, Any] = {}
    waiting = list(words)
    while waiting:
        word = waiting.pop(0)
        if not word.startswith("--"):
            names.append(word)
            continue
        name, equals, value = word.removeprefix("--").partition("=")
        if name not in fields:
            raise UnknownName("option", f"--{name}", [f"--{known}" for known in fields], where=method.name)
        annotation = fields[name].annotation
        if not equals:
            if annotation is bool and (not waiting or waiting[0] not in ("true", "false")):
                value = "true"
            elif not waiting or waiting[0].startswith("--"):
                raise BadOption(f"{method.name}: --{name} needs a value")
            else:
                value = waiting.pop(0)
        option = name.replace("-", "_")
        if _takes_several(annotation):
            options.setdefault(option, []).append(_parsed(method, name, value))
        elif option in options:
            raise BadOption(f"{method.name}: --{name} is given twice")
        else:
            options[option] = _parsed(method, name, value)
    return names, options


def _takes_several(annotation: Any) -> bool:
    """Whether an option's type is a tuple, or may be one."""
    return get_origin(annotation) is tuple or any(get_origin(part) is tuple for part in get_args(annotation))


def _parsed(method: type[Method], name: str, value: str) -> Any:
    if value == "-":  # standard input, and no empty list
        return value
    try:
        return yaml.safe_load(value)
    except yaml.YAMLError as error:
        raise BadOption(f"{method.name}: --{name} {value!r}: not YAML: {error}") from None
