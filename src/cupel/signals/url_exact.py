"""Whether the URL is in a list of links."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import ClassVar
from urllib.parse import quote, unquote

import pyarrow as pa
from pydantic import Field, field_validator

from cupel.contract import Column, Method, Paper, Signal
from cupel.errors import BadInput, BadOption
from cupel.signals._list_files import entries, list_files
from cupel.signals.url import host_of

__all__ = ["UrlExact"]

_SCHEME = re.compile(r"(?:[a-z][a-z0-9+.\-]*:)?[/\\]{2}", re.IGNORECASE)
_PORT = re.compile(r":(\d*)$")
_DEFAULT_PORTS = ("", "80", "443")
_RESERVED = "/:?#[]@!$&'()*+,;="
_KEPT_ESCAPE = re.compile(f"(%(?:{'|'.join(f'{ord(mark):02X}' for mark in _RESERVED + '%')}))", re.IGNORECASE)
"""Escapes of reserved characters, which mean something else without them: `%2F` is no slash."""


class UrlExact(Signal):
    """URL in a list of links.

    Whether the address of a document is one of a list: pages that someone asked to have removed, pages of an evaluation
    set, single pages of hosts that are otherwise fine (UT1 lists them as `urls`, beside its `domains`).

    Addresses are compared without what does not change the page: scheme, user, `www.`, a default port, the fragment,
    slashes at the end, and the spelling of host names and percent escapes. Case counts in paths, and so does the query,
    unless `ignore_query` is set.

    A list is a text file with one address per line and comments (`#`), plain, `.gz` or `.zst`; or a folder or `.tar`,
    `.tar.gz`, `.tar.zst` of the UT1 kind, where each category is a folder that holds a file `urls`. datatrove's
    `URLFilter` compares addresses as they are written, with their scheme, so that the addresses of its list, which have
    none, match no page of a crawl; here they do.

    Examples
    --------
    >>> import pyarrow as pa
    >>> signal = UrlExact.from_options({"urls": ["example.org/Café", "https://東京.example/"]})
    >>> urls = ["http://www.Example.org:80/Caf%C3%A9/#top", "xn--1lqs71d.example", "http://example.org/café", None]
    >>> signal.measure(pa.record_batch({"url": urls}))["url_listed"].to_pylist()
    [True, True, False, None]
    """

    name = "url-exact"
    papers = (
        Paper(
            "The RefinedWeb Dataset for Falcon LLM: Outperforming Curated Corpora with Web Data, "
            "and Web Data Only",
            "Penedo et al.",
            2023,
            "https://arxiv.org/abs/2306.01116",
            section="G.1",
        ),
    )
    files = ("path",)
    cost = "a few microseconds per address, and about 150 bytes of memory per listed address in each process"
    limits = "Copies of a page under another address are not listed; deduplication finds these."
    needs = ("url",)
    columns: ClassVar[Mapping[str, Column]] = {
        "url_listed": Column(pa.bool_(), "mark", "whether the address is in a list; null without an address"),
    }

    class Options(Method.Options):
        """Which lists."""

        path: tuple[str, ...] = Field(
            (), description="lists of addresses: paths of files, or of folders and archives of the UT1 kind"
        )
        categories: tuple[str, ...] = Field(
            (), description="categories of a folder or archive to use; needed if it has several"
        )
        urls: tuple[str, ...] = Field((), description="addresses, beside those of lists")
        ignore_query: bool = Field(False, description="compare addresses without what follows '?'")

        @field_validator("path", "categories", "urls", mode="before")
        @classmethod
        def _one_or_many(cls, value: object) -> object:
            return (value,) if isinstance(value, str) else value

    options: Options

    def __init__(self, options: Method.Options | None = None) -> None:
        super().__init__(options)
        if self.options.path:
            self._listed()  # a bad list is noticed before the run
        for url in self.options.urls:
            if normalized(url) is None:
                raise BadOption(
                    f"{self.name}: option 'urls': '{url}' names no host; expected 'example.org/page'"
                )

    def measure(self, documents: pa.RecordBatch) -> pa.RecordBatch:
        ignore_query = self.options.ignore_query
        if not (self.options.path or self.options.urls):
            raise BadOption(
                f"{self.name}: no list of addresses is given; name one with the option 'path', or addresses with 'urls'"
            )
        listed = self._listed() if self.options.path else frozenset()
        own = {normalized(url, ignore_query) for url in self.options.urls}
        marks = []
        for url in documents.column("url").to_pylist():
            address = normalized(url, ignore_query)
            marks.append(None if address is None else address in listed or address in own)
        return pa.RecordBatch.from_pydict({"url_listed": pa.array(marks, pa.bool_())})

    def _listed(self) -> frozenset[str]:
        digests = tuple(self.file_digests.items())
        return _addresses(self.options.path, self.options.categories, self.options.ignore_query, digests)


def normalized(url: str | None, ignore_query: bool = False) -> str | None:
    """An address without what does not change the page; None where it names no host.

    >>> normalized("HTTPS://user@WWW.Example.org:443/a%2fb/?q=1#top"), normalized("東京.jp", ignore_query=True)
    ('example.org/a%2Fb?q=1', 'xn--1lqs71d.jp')
    """
    host = host_of(url)
    if url is None or host is None:
        return None
    address = url.strip()
    scheme = _SCHEME.match(address)
    rest = address[scheme.end() if scheme else 0 :]
    authority = re.split(r"[/\\?#]", rest, maxsplit=1)[0]
    page, _, query = rest[len(authority) :].partition("#")[0].partition("?")
    port = _PORT.search(authority.rpartition("@")[2])
    kept_port = f":{port[1]}" if port and port[1] not in _DEFAULT_PORTS else ""
    path = _escapes(page.replace("\\", "/")).rstrip("/")
    tail = f"?{_escapes(query)}" if query and not ignore_query else ""
    return f"{host.removeprefix('www.')}{kept_port}{path}{tail}"


def _escapes(text: str) -> str:
    """Percent escapes in one spelling: those that are needed, in capitals, and no others."""
    parts = _KEPT_ESCAPE.split(text)
    return "".join(
        part.upper() if number % 2 else quote(unquote(part), safe=_RESERVED + "~")
        for number, part in enumerate(parts)
    )


@cache
def _addresses(
    paths: tuple[str, ...],
    categories: tuple[str, ...],
    ignore_query: bool,
    digests: tuple[tuple[str, str], ...],
) -> frozenset[str]:
    """All addresses of the lists at `paths` with these contents, read once per process."""
    addresses: set[str] = set()
    for path in paths:
        before = len(addresses)
        for lines, where in list_files("url-exact", Path(path), "urls", categories):
            for number, text in entries(lines):
                address = normalized(text, ignore_query)
                if address is None or " " in text:
                    raise BadInput(
                        f"url-exact: {where}, line {number}: '{text[:80]}' is no address; expected one per line, such as "
                        "'example.org/page'"
                    )
                addresses.add(address)
        if len(addresses) == before:
            raise BadInput(f"url-exact: the list {path} holds no address of its own; nothing would match")
    return frozenset(addresses)
