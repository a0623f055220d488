"""A `tokenizer.json`, or a tokenizer of the Hugging Face hub, as the `tokenizers` library reads it."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from cupel.errors import BadInput, MissingExtra

if TYPE_CHECKING:
    from tokenizers import Tokenizer

__all__ = ["find_tokenizer", "read_file", "read_tokenizer"]


def read_tokenizer(held: bytes, where: str = "") -> Tokenizer:
    """The tokenizer in the bytes of a `tokenizer.json`.

    It neither truncates nor pads texts, whatever the file says.

    Parameters
    ----------
    where
        Its name, for messages.

    Raises
    ------
    MissingExtra
        `tokenizers` is not installed.
    BadInput
        It is no such file.
    """
    try:
        from tokenizers import Tokenizer
    except ImportError:
        raise MissingExtra("a tokenizer", "lab") from None
    try:
        tokenizer = Tokenizer.from_buffer(held)
    except Exception as error:
        # The library raises plain Exception whatever went wrong.
        name = f"tokenizer {where}" if where else "the tokenizer"
        raise BadInput(f"{name}: no tokenizer.json of the tokenizers library: {error}") from None
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


@cache
def find_tokenizer(name: str) -> Tokenizer:
    """The tokenizer of a `tokenizer.json` or its folder, or of a name on the Hugging Face hub.

    Raises
    ------
    MissingExtra
        `tokenizers` is not installed.
    BadInput
        It cannot be read or fetched.
    """
    path = Path(name)
    if path.suffix == ".json" or path.exists():
        return read_tokenizer(read_file(path), name)
    try:
        from tokenizers import Tokenizer

        held = Tokenizer.from_pretrained(name).to_str().encode()
    except ImportError:
        raise MissingExtra("a tokenizer", "lab") from None
    except Exception as error:
        raise BadInput(
            f"tokenizer {name}: there is no such file, and it cannot be fetched: {error}"
        ) from None
    return read_tokenizer(held, name)


def read_file(path: Path) -> bytes:
    """The bytes of a `tokenizer.json`, or of that in a folder.

    Raises
    ------
    BadInput
        It cannot be read.
    """
    try:
        return (path / "tokenizer.json" if path.is_dir() else path).read_bytes()
    except OSError as error:
        raise BadInput(f"tokenizer {path}: {error.strerror}; expected a tokenizer.json") from None
