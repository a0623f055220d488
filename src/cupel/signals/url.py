"""Where a document comes from, and whether that domain is blocked."""

from __future__ import annotations

import gzip
import io
import re
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path, PurePosixPath
from typing import BinaryIO, ClassVar, cast

import pyarrow as pa
import zstandard
from pydantic import Field, field_validator

from cupel.errors import BadInput, BadOption, UnknownName
from cupel.methods import Column, Method, Paper, Signal
from cupel.signals._blocklists import Blocklist, ascii_domain, parse

__all__ = ["UrlDomain"]

_SCHEME = re.compile(r"(?:[a-z][a-z0-9+.\-]*:)?[/\\]{2}", re.IGNORECASE)
_HOST = re.compile(r"\[[^\]]*\]|[^:\s]+")
_LIST_NAME = "domains"


class UrlDomain(Signal):
    """Domain and blocklist of the URL.

    The host that a document's address names, and whether it or a domain above it is in a list:
    `a.b.example.com` is blocked by `example.com`, `notexample.com` is not. A document without an
    address, or with one that names no host, is not blocked. Names beyond ASCII match in either
    spelling (`bücher.de`, `xn--bcher-kva.de`).

    A list is a text file with one domain per line, lines of a hosts file (`0.0.0.0 a.example
    b.example`) or an ad blocker's rules for whole domains (`||example.com^`, exceptions with
    `@@`; rules that hide elements are passed over), plain, `.gz` or `.zst`; or a folder or `.tar`,
    `.tar.gz`, `.tar.zst` of the UT1 kind, where each category is a folder that holds a file
    `domains`. Of several categories some must be named, for UT1 has harmless ones (press,
    banks) and a white list beside the others.

    A list that is missing, holds no domain, or has a line that is none of these stops the run and
    names the line, as does the want of any list: nothing would be blocked, and nothing would say so.

    Examples
    --------
    >>> import pyarrow as pa
    >>> documents = pa.record_batch({"url": ["https://www.Example.org:80/a", "http://東京.jp", None]})
    >>> found = UrlDomain.from_options({"domains": ["example.org"]}).measure(documents)
    >>> found["url_domain"].to_pylist()
    ['www.example.org', 'xn--1lqs71d.jp', None]
    >>> found["url_domain_blocked"].to_pylist()
    [True, False, False]
    """

    name = "url-domain"
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
    limits = "Only domains are looked up: no words in addresses, no single pages. The list decides."
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
        def _one_or_many(cls, given: object) -> object:
            return (given,) if isinstance(given, str) else given

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
    rest = (url or "").strip()
    scheme = _SCHEME.match(rest)
    authority = re.split(r"[/\\?#]", rest[scheme.end() if scheme else 0 :], maxsplit=1)[0]
    found = _HOST.match(authority.rpartition("@")[2])
    return (ascii_domain(found.group()) or None) if found else None


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
    """All domains of the lists at `paths` with these contents, read once in a process."""
    every = Blocklist()
    for path in paths:
        lists = list(_read(Path(path), categories))
        if not any(one.blocked for one in lists):
            raise BadInput(f"url-domain: the blocklist {path} holds no domain; nothing would be blocked")
        for one in lists:
            every.blocked |= one.blocked
            every.excepted |= one.excepted
    return every


def _read(path: Path, categories: tuple[str, ...]) -> Iterator[Blocklist]:
    if not path.exists():
        raise BadInput(f"url-domain: there is no blocklist at {path}")
    try:
        if path.is_dir():
            lists = {place.parent.name: place for place in sorted(path.rglob(_LIST_NAME)) if place.is_file()}
            for category in _chosen(path, lists, categories):
                with lists[category].open("rb") as file:
                    yield parse(file, f"{path}, category {category}")
        elif ".tar" in path.suffixes[-2:] or path.suffix == ".tgz":
            yield from _read_archive(path, categories)
        else:
            with _decompressed(path) as file:
                yield parse(file, str(path))
    except (OSError, EOFError, tarfile.TarError, zstandard.ZstdError) as error:
        raise BadInput(f"url-domain: the blocklist {path} cannot be read: {error}") from None


def _read_archive(path: Path, categories: tuple[str, ...]) -> Iterator[Blocklist]:
    """The lists of an archive, read as a stream; nothing is unpacked."""
    texts: dict[str, bytes] = {}
    with _decompressed(path) as file, tarfile.open(fileobj=file, mode="r|") as archive:
        for member in archive:
            name = PurePosixPath(member.name)
            if member.isfile() and name.name == _LIST_NAME:
                wanted = not categories or name.parent.name in categories
                content = archive.extractfile(member) if wanted else None
                texts[name.parent.name] = content.read() if content else b""
    for category in _chosen(path, texts, categories):
        yield parse(io.BytesIO(texts[category]), f"{path}, category {category}")


def _chosen(path: Path, known: Mapping[str, object], categories: tuple[str, ...]) -> Iterable[str]:
    if not known and not categories:
        raise BadInput(f"url-domain: the blocklist {path} has no file called '{_LIST_NAME}'")
    for category in categories:
        if category not in known:
            raise UnknownName("category", category, known, where=f"url-domain: {path}")
    if not categories and len(known) > 1:
        raise BadOption(
            f"url-domain: {path} has several categories; name those to block with the option 'categories': "
            f"{', '.join(sorted(known))}"
        )
    return categories or known


def _decompressed(path: Path) -> BinaryIO:
    if path.suffix in {".gz", ".tgz"}:
        return cast(BinaryIO, gzip.open(path, "rb"))
    if path.suffix == ".zst":
        return io.BytesIO(_unpack_zst(path.read_bytes()))
    return path.open("rb")


def _unpack_zst(packed: bytes) -> bytes:
    """All frames of a file; unlike a stream reader, it notices where the last one is cut short."""
    out = []
    while packed:
        frame = zstandard.ZstdDecompressor().decompressobj()
        out.append(frame.decompress(packed))
        if not frame.eof:
            raise EOFError("it is cut short")
        packed = frame.unused_data
    return b"".join(out)
