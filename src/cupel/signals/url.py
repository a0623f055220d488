"""Where a document comes from: the domain of its address, and whether a list blocks it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import pyarrow as pa
from pydantic import Field

from cupel.errors import BadInput
from cupel.methods import Column, Method, Paper, Signal

__all__ = ["UrlDomain"]

_SCHEME = re.compile(r"(?:[a-z][a-z0-9+.\-]*:)?[/\\]{2}", re.IGNORECASE)
_HOST = re.compile(r"\[[^\]]*\]|[^:\s]+")


class UrlDomain(Signal):
    """Domain of the address.

    The host that a document's address names, and whether a blocklist has it or a domain above
    it: a list with `example.org` blocks `www.example.org`, and not `notexample.org`. Give the
    list as a file with one domain a line (`#` begins a comment), as a folder of which every
    file called `domains` counts, or in the recipe itself. Names beyond ASCII match in either
    spelling (`bücher.de`, `xn--bcher-kva.de`). Null where a document has no address.

    Examples
    --------
    >>> import pyarrow as pa
    >>> documents = pa.record_batch({"url": ["https://www.Example.org:80/a", "http://東京.jp", None]})
    >>> found = UrlDomain.from_options({"domains": ["example.org"]}).measure(documents)
    >>> found["url_domain"].to_pylist()
    ['www.example.org', 'xn--1lqs71d.jp', None]
    >>> found["url_domain_blocked"].to_pylist()
    [True, False, None]
    """

    name = "url-domain"
    papers = (
        Paper(
            "The RefinedWeb Dataset for Falcon LLM",
            "Penedo et al.",
            2023,
            "https://arxiv.org/abs/2306.01116",
            "G.1",
        ),
    )
    cost = "once per distinct host and batch; does not read the text"
    limits = "Only domains: neither paths nor words inside an address are looked at."
    needs = ("url",)
    columns: ClassVar[Mapping[str, Column]] = {
        "url_domain": Column(pa.large_string(), "domain", "host of the address, lower case, ASCII"),
        "url_domain_blocked": Column(
            pa.bool_(), "yes or no", "whether the list has the host or a domain above"
        ),
    }

    class Options(Method.Options):
        """What is blocked; nothing unless a list is given."""

        path: str | None = Field(
            None, description="a file of domains, one a line, or a folder with files called 'domains'"
        )
        domains: list[str] = Field(default_factory=list, description="domains to block")

    options: Options

    def measure(self, documents: pa.RecordBatch) -> pa.RecordBatch:
        urls = documents.column("url").cast(pa.large_string()).dictionary_encode()
        hosts = [host_of(url) for url in urls.dictionary.to_pylist()]
        blocked = [None if host is None else self._is_blocked(host) for host in hosts]
        return pa.RecordBatch.from_pydict(
            {
                "url_domain": pa.array(hosts, pa.large_string()).take(urls.indices),
                "url_domain_blocked": pa.array(blocked, pa.bool_()).take(urls.indices),
            }
        )

    def _is_blocked(self, host: str) -> bool:
        parts = host.split(".")
        return any(".".join(parts[i:]) in self._blocked for i in range(len(parts)))

    @cached_property
    def _blocked(self) -> frozenset[str]:
        found = {ascii_domain(domain) for domain in self.options.domains}
        if self.options.path is not None:
            for file in _files(Path(self.options.path).expanduser()):
                found.update(_domains(file))
        return frozenset(found - {""})


def host_of(url: str | None) -> str | None:
    """The host of an address in lower case and ASCII; None where there is none.

    >>> host_of("//user:secret@Sub.Example.ORG./path"), host_of("example.org/a"), host_of("")
    ('sub.example.org', 'example.org', None)
    """
    rest = (url or "").strip()
    scheme = _SCHEME.match(rest)
    authority = re.split(r"[/\\?#]", rest[scheme.end() if scheme else 0 :], maxsplit=1)[0]
    found = _HOST.match(authority.rpartition("@")[2])
    return (ascii_domain(found.group()) or None) if found else None


def ascii_domain(domain: str) -> str:
    """`domain` as name servers know it; as it stands where it is no proper name."""
    domain = domain.strip().rstrip(".").lower()
    if domain.isascii():
        return domain
    try:
        return domain.encode("idna").decode("ascii")
    except UnicodeError:
        return domain


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    found = sorted(path.rglob("domains")) if path.is_dir() else []
    if not found:
        raise BadInput(
            f"url-domain: {path}: expected a file of domains, or a folder with files called 'domains'"
        )
    return found


def _domains(file: Path) -> Iterator[str]:
    try:
        with file.open(encoding="utf-8", errors="replace") as lines:
            for line in lines:
                yield ascii_domain(line.partition("#")[0])
    except OSError as error:
        raise BadInput(f"url-domain: {file}: cannot be read: {error.strerror}") from None
