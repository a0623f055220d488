"""Options that several commands share."""

from __future__ import annotations

from typing import Annotated, Optional

import typer

from cupel.errors import BadOption

__all__ = ["Address", "Cores", "EngineName", "IdColumn", "TextColumn", "parse_bytes"]

TextColumn = Annotated[
    str | None, typer.Option(help="Column that holds the text, if it is called otherwise.")
]
IdColumn = Annotated[Optional[str], typer.Option(help="Column that holds the id.")]  # noqa: UP045
EngineName = Annotated[str, typer.Option(help="native (this machine) or ray (a cluster).")]
Address = Annotated[Optional[str], typer.Option(help="Ray cluster, such as ray://head:10001.")]  # noqa: UP045
Cores = Annotated[Optional[int], typer.Option(help="Cores to use; default: all.")]  # noqa: UP045

_UNITS = {
    "": 1,
    "b": 1,
    "kb": 10**3,
    "mb": 10**6,
    "gb": 10**9,
    "kib": 1 << 10,
    "mib": 1 << 20,
    "gib": 1 << 30,
}


def parse_bytes(text: str, option: str) -> int:
    """`256MB` → 256000000.

    >>> parse_bytes("64 MiB", "--shard")
    67108864
    """
    digits = text.strip().rstrip("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ ")
    unit = text.strip()[len(digits) :].strip().lower()
    try:
        size = int(float(digits) * _UNITS[unit])
    except (ValueError, KeyError):
        raise BadOption(f"{option} is '{text}': expected a size such as 256MB or 64MiB") from None
    if size < 1:
        raise BadOption(f"{option} is '{text}': expected more than nothing")
    return size
