"""Words of a list that one would rather not train on."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field

from cupel.errors import BadInput, BadOption
from cupel.methods import Column, KernelSignal, Method
from cupel.signals._columns import C4, REDPAJAMA, count

__all__ = ["BadWords"]


class BadWords(KernelSignal):
    """Bad words of a list.

    How many positions of the lower-cased text begin a word or phrase of the list that stands
    between characters other than word characters. Entries in Chinese, Japanese or Thai script
    count wherever they stand.

    C4 drops every page with a word of the List of Dirty, Naughty, Obscene or Otherwise Bad Words
    (LDNOOBW), which is not shipped here: give its file as `path`, one entry a line. Without a
    path the 835 English words of the package `better-profanity` (MIT) are taken, if it is
    installed.

    Examples
    --------
    >>> import pyarrow as pa
    >>> signal = BadWords.from_options({"words": ["darn", "schöner mist"]})
    >>> signal.measure(pa.record_batch({"text": ["Darn! So ein schöner Mist. Darned."]}))[0].to_pylist()
    [2]
    """

    name = "bad-words"
    papers = (C4, REDPAJAMA)
    cost = "a search for all entries at once; see benchmarks/signals.py"
    limits = (
        "A list knows no context: it hits medical texts, place names and texts of and about minorities "
        "(Dodge et al. 2021, Documenting Large Webtext Corpora)."
    )
    columns: ClassVar[Mapping[str, Column]] = {
        "bad_word_count": count("positions", "where a listed word or phrase begins (rps_doc_ldnoobw_words)"),
    }

    class Options(Method.Options):
        """Which words."""

        path: str | None = Field(None, description="a UTF-8 text file with one word or phrase a line")
        words: tuple[str, ...] | None = Field(None, description="the words themselves, instead of a file")

    options: BadWords.Options

    def kernel_options(self) -> dict[str, Any]:
        """The list, read when first needed.

        Raises
        ------
        BadOption
            No list is given and none is installed.
        BadInput
            The file cannot be read or has no entries.
        """
        words = self.options.words
        return {"bad_words": list(words if words is not None else _read(self.options.path or _installed()))}


def _installed() -> str:
    package = find_spec("better_profanity")
    if package is None or package.origin is None:
        raise BadOption(
            "bad-words: no list of words: give option 'path', a text file with one word a line "
            "(C4 took LDNOOBW's list), or pip install better-profanity"
        )
    return str(Path(package.origin).parent / "profanity_wordlist.txt")


@cache
def _read(path: str) -> tuple[str, ...]:
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"bad-words: cannot read the list {path}: {error}") from None
    words = tuple(dict.fromkeys(line.strip() for line in lines if line.strip()))
    if not words:
        raise BadInput(f"bad-words: the list {path} has no words")
    return words
