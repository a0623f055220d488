"""Digests: BLAKE2b of 128 bits, in hexadecimal, of whatever decides a result."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

__all__ = ["digest", "digest_all", "digest_file", "digest_json", "seeded_rank"]

_BYTES = 16


def digest(content: bytes | str) -> str:
    """The digest of bytes, or of a text's UTF-8.

    Half surrogate pairs, which names of files may hold, count as the bytes that they stand for in the system.

    Examples
    --------
    >>> digest("Café")
    '12ae66029b78e945c56d26ad0072fe05'
    """
    return hashlib.blake2b(_encoded(content), digest_size=_BYTES).hexdigest()


def digest_json(value: Any) -> str:
    """The digest of a value as JSON with sorted keys.

    Examples
    --------
    >>> digest_json({"b": 1, "a": [2.5, None]}) == digest_json({"a": [2.5, None], "b": 1})
    True
    """
    return digest(json.dumps(value, sort_keys=True))


def digest_all(contents: Iterable[bytes | str]) -> str:
    """The digest of several contents: other borders between them give another digest.

    Examples
    --------
    >>> digest_all(["ab", "c"]) == digest_all(["a", "bc"])
    False
    """
    state = hashlib.blake2b(digest_size=_BYTES)
    for content in contents:
        data = _encoded(content)
        state.update(len(data).to_bytes(8, "little") + data)
    return state.hexdigest()


def digest_file(path: Path) -> str:
    """The digest of a file's content.

    Raises
    ------
    OSError
        It cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=_BYTES)).hexdigest()


def seeded_rank(name: str, seed: int, size: int = 8) -> bytes:
    """A number of `size` bytes by which things are drawn: each as if at random, the same wherever it stands.

    Examples
    --------
    >>> sorted(["a", "b", "c", "d"], key=lambda name: seeded_rank(name, seed=0))
    ['d', 'c', 'b', 'a']
    """
    return hashlib.blake2b(_encoded(name), digest_size=size, key=seed.to_bytes(8, "little")).digest()


def _encoded(content: bytes | str) -> bytes:
    return content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content
