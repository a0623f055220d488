"""Which domain a document comes from, and whether it is blocked."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import ClassVar

import pyarrow as pa
from pydantic import Field, field_validator

from cupel.contract import Column, Method, Paper, Signal
from cupel.errors import BadInput, BadOption
from cupel.signals._blocklists import Blocklist, ascii_domain, parse
from cupel.signals._list_files import list_files

__all__ = ["UrlDomain"]

_SCHEME = re.compile(r"(?:[a-z][a-z0-9+.\-]*:)?[/\\]{2}", re.IGNORECASE)
_HOST = re.compile(r"\[[^\]]*\]|[^:\s]+")


class UrlDomain(Signal):
    """Domain and blocklist of the URL.

    The host that a document's address names, and whether it or a domain above it is in a list:
    `a.b.example.com` is blocked by `example.com`, `notexample.com` is not. A document without an
    address, or with one that names no host, is not blocked. Names beyond ASCII match in either
    spelling (`bücher.de`, `xn--bcher-kva.de`).

    A list is a text file with one domain per line, lines of a hosts file (`0.0.0.0 a.example
    b.example`) or an ad blocker's rules for whole domains (`||example.com^`, exceptions with
    `@@`; rules that hide elements are skipped), plain, `.gz` or `.zst`; or a folder or `.tar`,
    `.tar.gz`, `.tar.zst` of the UT1 kind, where each category is a folder that holds a file
    `domains`. Where there are several categories, name those to block: UT1 also has harmless ones
    (press, banks) and an allow list.

    A list that is missing, holds no domain, or has a line in none of these forms stops the run, and
    the message names the line. So does having no list at all: otherwise nothing would be blocked,
    and nothing would say so.

    Examples
    --------
    >>> import pyarrow as pa
    >>> documents = pa.record_batch({"url": ["https://www.Example.org:80/a", "http://東京.jp", None]})
    >>> columns = UrlDomain.from_options({"domains": ["example.org"]}).measure(documents)
    >>> columns["url_domain"].to_pylist()
    ['www.example.org', 'xn--1lqs71d.jp', None]
    >>> columns["url_domain_blocked"].to_pylist()
    [True, False, False]
    """

    name = "url-domain"
    utility = "toxicity"
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
    cost = "a few look-ups in a set for each document; the set is read once in a process"
    limits = (
        "Only domains are looked up; `url-words` looks at words in addresses, `url-exact` at single pages, `url-pattern` at "
        "any part. The list decides."
    )
    needs = ("url",)
    columns: ClassVar[Mapping[str, Column]] = {
        "url_domain": Column(pa.large_string(), "domain", "host of the address, lower case, ASCII, no port"),
        "url_domain_blocked": Column(
            pa.bool_(), "mark", "whether the host or a domain above it is in a list"
        ),
    }

    class Options(Method.Options):
        """Which lists."""

        path: tuple[str, ...] = Field(
            (), description="lists of domains: paths of files, or of folders and archives of the UT1 kind"
        )
        categories: tuple[str, ...] = Field(
            (), description="categories of a folder or archive to block; needed if it has several"
        )
        domains: tuple[str, ...] = Field((), description="domains to block, beside those of lists")

        @field_validator("path", "categories", "domains", mode="before")
        @classmethod
        def _one_or_many(cls, value: object) -> object:
            return (value,) if isinstance(value, str) else value

    options: Options

    def __init__(self, options: Method.Options | None = None) -> None:
        super().__init__(options)
        if self.options.path:
            self._listed()  # a bad list is noticed before the run

    def measure(self, documents: pa.RecordBatch) -> pa.RecordBatch:
        blocked = self._blocked()
        urls = documents.column("url").cast(pa.large_string()).dictionary_encode()
        hosts = [host_of(url) for url in urls.dictionary.to_pylist()]
        marks = [host is not None and _is_blocked(host, blocked) for host in hosts]
        return pa.RecordBatch.from_pydict(
            {
                "url_domain": pa.array(hosts, pa.large_string()).take(urls.indices),
                "url_domain_blocked": pa.array(marks, pa.bool_()).take(urls.indices).fill_null(False),
            }
        )

    def _blocked(self) -> Blocklist:
        own = {ascii_domain(domain) for domain in self.options.domains} - {""}
        if not self.options.path and not own:
            raise BadOption(
                f"{self.name}: no list of domains is given; name one with the option 'path', "
                "or domains with 'domains'"
            )
        listed = self._listed()
        return Blocklist(listed.blocked | own, listed.excepted) if own else listed

    def _listed(self) -> Blocklist:
        digests = tuple(self.file_digests.items())
        return _domains(self.options.path, self.options.categories, digests)


def host_of(url: str | None) -> str | None:
    """The host of an address in lower case and ASCII; None where there is none.

    >>> host_of("//user:secret@Sub.Example.ORG./path"), host_of("example.org:80/a"), host_of("")
    ('sub.example.org', 'example.org', None)
    """
    address = (url or "").strip()
    scheme = _SCHEME.match(address)
    authority = re.split(r"[/\\?#]", address[scheme.end() if scheme else 0 :], maxsplit=1)[0]
    host = _HOST.match(authority.rpartition("@")[2])
    return (ascii_domain(host.group()) or None) if host else None


def _and_above(host: str) -> Iterator[str]:
    """The host and the domains above it: `a.b.c`, `b.c`, `c`."""
    yield host
    at = host.find(".")
    while at >= 0:
        yield host[at + 1 :]
        at = host.find(".", at + 1)


def _is_blocked(host: str, listed: Blocklist) -> bool:
    """Whether the nearest of the host and the domains above it that a list names is blocked there."""
    for domain in _and_above(host):
        if domain in listed.excepted:
            return False
        if domain in listed.blocked:
            return True
    return False


@cache
def _domains(
    paths: tuple[str, ...], categories: tuple[str, ...], digests: tuple[tuple[str, str], ...]
) -> Blocklist:
    """All domains of the lists at `paths` with these contents, read once per process."""
    all_domains = Blocklist()
    for path in paths:
        domains = Blocklist()
        for lines, where in list_files("url-domain", Path(path), "domains", categories):
            domains.add(parse(lines, where))
        if not domains.blocked:
            raise BadInput(f"url-domain: the blocklist {path} holds no domain; nothing would be blocked")
        all_domains.add(domains)
    return all_domains
