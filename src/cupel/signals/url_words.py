"""Words in the URL."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import ClassVar, Literal
from urllib.parse import unquote

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, field_validator

from cupel.contract import Column, Method, Paper, Signal
from cupel.errors import BadInput, BadOption
from cupel.signals._list_files import entries, list_files, package_file

__all__ = ["UrlWords"]

_BETWEEN = r"[^\p{L}\p{M}\p{N}]+"
_SUBWORDS_AT_ONCE = 500
"""Alternatives of one expression; RE2 refuses expressions that are much larger."""
_PACKAGE_FILES = {
    "words": "assets/banned_words.txt",
    "soft_words": "assets/soft_banned_words.txt",
    "subwords": "assets/banned_subwords.txt",
}


class UrlWords(Signal):
    """Listed words in the URL.

    Web corpora drop pages by words in their address, which costs next to nothing and works where no list of domains
    can keep up (RefinedWeb, appendix G.1). There are three lists:

    - **words** that decide by themselves, as a whole word of the address;
    - **soft words** that also appear in harmless addresses: two different ones decide;
    - **subwords** that decide anywhere, also inside of longer words and across separators.

    The address is lower-cased and its percent escapes are decoded. Its words are the runs of letters and digits of any
    script (`my-site.org/caf%C3%A9_1` has `my`, `site`, `org`, `café`, `1`); for subwords the separators are removed
    first, so `a-b.com` contains `bco`. An entry of a list is reduced in the same way: `two girls` becomes `twogirls`.
    Each count is the number of *different* entries in an address. A document without an address has no counts (null).

    On lower-case ASCII addresses without escapes, the rule set `url-word-limits` decides as datatrove's `URLFilter` does.
    That filter compares the words of an address as they are written, so capitals hide a word from it.

    A list is a text file with one entry per line and comments (`#`), plain, `.gz` or `.zst`. `package: datatrove` takes
    the lists of the installed package datatrove (Apache-2.0), which FineWeb was made with.

    Examples
    --------
    >>> import pyarrow as pa
    >>> signal = UrlWords.from_options({"words": ["casino"], "soft_words": ["free", "spins"], "subwords": ["bonus!"]})
    >>> urls = ["https://Casino.example/Free-Spins", "https://café.example/megaBonus1", "https://東京.example", None]
    >>> [list(row.values()) for row in signal.measure(pa.record_batch({"url": urls})).to_pylist()]
    [[1, 2, 0], [0, 0, 1], [0, 0, 0], [None, None, None]]
    """

    name = "url-words"
    papers = (
        Paper(
            "The RefinedWeb Dataset for Falcon LLM: Outperforming Curated Corpora with Web Data, "
            "and Web Data Only",
            "Penedo et al.",
            2023,
            "https://arxiv.org/abs/2306.01116",
            section="G.1",
        ),
        Paper(
            "The FineWeb Datasets: Decanting the Web for the Finest Text Data at Scale",
            "Penedo et al.",
            2024,
            "https://arxiv.org/abs/2406.17557",
            section="3.1, and URLFilter of datatrove",
        ),
    )
    files = ("words_path", "soft_words_path", "subwords_path")
    cost = "a few microseconds per address; the text is not read"
    limits = (
        "A word in an address says little about the page: lists hit place names, medicine, and names of people. Subwords "
        "hit across separators and inside of other words (`sussex`, `analysis`); choose long ones."
    )
    needs = ("url",)
    columns: ClassVar[Mapping[str, Column]] = {
        "url_words": Column(pa.int64(), "entries", "listed words that are words of the address"),
        "url_soft_words": Column(pa.int64(), "entries", "listed soft words that are words of the address"),
        "url_subwords": Column(
            pa.int64(), "entries", "listed subwords that the letters and digits of the address contain"
        ),
    }

    class Options(Method.Options):
        """Which lists."""

        words: tuple[str, ...] = Field((), description="words that count as whole words of the address")
        soft_words: tuple[str, ...] = Field(
            (), description="words of which a single one says little, counted separately"
        )
        subwords: tuple[str, ...] = Field((), description="words that count anywhere in the address")
        words_path: tuple[str, ...] = Field((), description="files with one word per line")
        soft_words_path: tuple[str, ...] = Field((), description="files with one soft word per line")
        subwords_path: tuple[str, ...] = Field((), description="files with one subword per line")
        package: Literal["datatrove"] | None = Field(
            None, description="an installed package whose three lists are used, beside those named here"
        )

        @field_validator(
            "words", "soft_words", "subwords", "words_path", "soft_words_path", "subwords_path", mode="before"
        )
        @classmethod
        def _one_or_many(cls, value: object) -> object:
            return (value,) if isinstance(value, str) else value

    options: Options

    def __init__(self, options: Method.Options | None = None) -> None:
        super().__init__(options)
        for path in self.paths():
            _entries((path,), (self.file_digests.get(path, ""),))  # a bad list is noticed before the run

    def paths(self) -> Iterator[str]:
        """The lists that the options name, and those of the package."""
        yield from super().paths()
        if self.options.package is not None:
            yield from (self._package_path(kind) for kind in _PACKAGE_FILES)

    def measure(self, documents: pa.RecordBatch) -> pa.RecordBatch:
        words, soft_words, subwords = (self._list(kind) for kind in _PACKAGE_FILES)
        if not (words or soft_words or subwords):
            raise BadOption(
                f"{self.name}: no list of words is given; name files with 'words_path', 'soft_words_path' or "
                "'subwords_path', words with 'words', 'soft_words' or 'subwords', or 'package: datatrove'"
            )
        urls = documents.column("url").cast(pa.large_string()).dictionary_encode()
        addresses = _plain(urls.dictionary)
        parts = pc.split_pattern_regex(addresses, _BETWEEN)
        joined = pc.replace_substring_regex(addresses, _BETWEEN, "")
        missing = pc.equal(pc.binary_length(addresses), 0)
        counts = [_whole_words(parts, words), _whole_words(parts, soft_words), _inside(joined, subwords)]
        columns = [pc.if_else(missing, pa.scalar(None, pa.int64()), count) for count in counts]
        return pa.RecordBatch.from_arrays([each.take(urls.indices) for each in columns], list(self.columns))

    def _package_path(self, kind: str) -> str:
        return str(package_file(self.name, str(self.options.package), _PACKAGE_FILES[kind]))

    def _list(self, kind: str) -> tuple[str, ...]:
        """All entries of one of the three lists, each once."""
        paths = [*getattr(self.options, f"{kind}_path")]
        if self.options.package is not None:
            paths.append(self._package_path(kind))
        digests = tuple(self.file_digests.get(path, "") for path in paths)
        own = (_reduced(word) for word in getattr(self.options, kind))
        return tuple(dict.fromkeys(word for word in (*own, *_entries(tuple(paths), digests)) if word))


@cache
def _entries(paths: tuple[str, ...], digests: tuple[str, ...]) -> tuple[str, ...]:
    """All entries of the lists at `paths` with these contents, reduced, read once per process."""
    listed: dict[str, None] = {}
    for path in paths:
        words: dict[str, None] = {}
        for lines, where in list_files("url-words", Path(path), "words"):
            for number, text in entries(lines):
                if not (word := _reduced(text)):
                    raise BadInput(
                        f"url-words: {where}, line {number}: '{text[:80]}' has no letter or digit; take it out of the list"
                    )
                words[word] = None
        if not words:
            raise BadInput(f"url-words: the list {path} has no words")
        listed |= words
    return tuple(listed)


def _reduced(text: str) -> str:
    """The letters and digits of an entry, in lower case.

    >>> _reduced("Café au lait!")
    'caféaulait'
    """
    reduced: str = pc.replace_substring_regex(pa.array([text.lower()]), _BETWEEN, "")[0].as_py()
    return reduced


def _plain(urls: pa.Array) -> pa.Array:
    """Addresses in lower case with percent escapes decoded; empty for null."""
    texts = [unquote(url) if "%" in url else url for url in (url or "" for url in urls.to_pylist())]
    return pc.utf8_lower(pc.utf8_trim_whitespace(pa.array(texts, pa.large_string())))


def _whole_words(parts: pa.Array, words: Sequence[str]) -> pa.Array:
    """How many of the words are among the parts of each address."""
    rows = pc.list_parent_indices(parts).to_numpy()
    places = pc.index_in(parts.flatten(), value_set=pa.array(words, pa.large_string()))
    hits = places.is_valid().to_numpy(zero_copy_only=False)
    pairs = np.unique(rows[hits] * max(1, len(words)) + places.drop_null().to_numpy())
    return pa.array(np.bincount(pairs // max(1, len(words)), minlength=len(parts)), pa.int64())


def _inside(joined: pa.Array, subwords: Sequence[str]) -> pa.Array:
    """How many of the subwords each address contains.

    Few addresses contain any: these are found by a single expression per 500 subwords.
    """
    counts = np.zeros(len(joined), np.int64)
    for start in range(0, len(subwords), _SUBWORDS_AT_ONCE):
        several = subwords[start : start + _SUBWORDS_AT_ONCE]
        hits = np.flatnonzero(
            pc.match_substring_regex(joined, "|".join(several)).to_numpy(zero_copy_only=False)
        )
        addresses = joined.take(pa.array(hits))
        for subword in several if len(hits) else ():
            counts[hits] += pc.match_substring(addresses, subword).to_numpy(zero_copy_only=False)
    return pa.array(counts)
