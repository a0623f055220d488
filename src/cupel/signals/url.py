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

__all__ = ["UrlDomain", "host_of"]

_HOST = re.compile(r"[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?|\[[0-9a-f:.]+\]")
_URL = re.compile(r"\s*(?:[a-z][a-z0-9+.-]*:)?//(?:[^/?#@]*@)*([^/?#@]*)", re.IGNORECASE)
_LIST_NAME = "domains"


class UrlDomain(Signal):
    """Domain and blocklist of the URL.

    Gives the host name of each document's `url`, and whether the host or any parent of it is
    in a list of domains: `a.b.example.com` is blocked by `example.com`, `notexample.com` is not.
    A document without a URL, or with one that names no host, is not blocked.

    A list is a text file with one domain a line (`#` begins a comment; the `hosts` form
    `0.0.0.0 example.com` is read as well), plain, `.gz` or `.zst`; or a folder or `.tar`,
    `.tar.gz`, `.tar.zst` of the UT1 kind, where each category is a folder that holds a file
    `domains`. Of several categories some must be named, for UT1 has harmless ones (press,
    banks) and a white list beside the others.

    A list that is missing, holds no domain, or holds something other than domains stops the run.
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
    cost = "a few look-ups in a set for each document; the set is read once in a process"
    limits = "Only domains are looked up: no words in addresses, no single pages. The list decides."
    needs = ("url",)
    columns: ClassVar[Mapping[str, Column]] = {
        "url_host": Column(pa.large_string(), "host", "host name of the URL, lower case, without port"),
        "url_domain_blocked": Column(pa.bool_(), "mark", "whether the host or a parent of it is in the list"),
    }

    class Options(Method.Options):
        """Which lists."""

        blocklist: tuple[str, ...] = Field(
            (),
            description="path or paths of lists of domains: files, or folders and archives of the UT1 kind",
        )
        categories: tuple[str, ...] = Field(
            (), description="categories of a folder or archive to block; needed if it has several"
        )

        @field_validator("blocklist", "categories", mode="before")
        @classmethod
        def _one_or_many(cls, given: object) -> object:
            return (given,) if isinstance(given, str) else given

    options: Options

    def __init__(self, options: Method.Options | None = None) -> None:
        super().__init__(options)
        if options is not None:
            self._blocked()  # a list that is not there is noticed before the run begins

    def measure(self, documents: pa.RecordBatch) -> pa.RecordBatch:
        blocked = self._blocked()
        hosts = [host_of(url) if url else None for url in documents.column("url").to_pylist()]
        marks = [host is not None and any(parent in blocked for parent in _parents(host)) for host in hosts]
        return pa.record_batch(
            {
                "url_host": pa.array(hosts, pa.large_string()),
                "url_domain_blocked": pa.array(marks, pa.bool_()),
            }
        )

    def _blocked(self) -> frozenset[str]:
        if not self.options.blocklist:
            raise BadOption(f"{self.name}: option 'blocklist' is missing: name a file with one domain a line")
        return _domains(self.options.blocklist, self.options.categories)


def host_of(url: str) -> str | None:
    """The host name of a URL: lower case, no port, no user, international names in ASCII.

    >>> host_of("https://user@Shop.Example.COM:8080/a?b#c"), host_of("http://köln.de"), host_of("example.com/a")
    ('shop.example.com', 'xn--kln-sna.de', 'example.com')
    """
    match = _URL.match(url)
    host = match[1] if match else re.split(r"[/?#]", url.strip(), maxsplit=1)[0]
    return _plain_host(re.sub(r":\d*$", "", host))


def _plain_host(host: str) -> str | None:
    host = host.strip().rstrip(".").lower()
    if not host.isascii():
        try:
            host = host.encode("idna").decode("ascii")
        except UnicodeError:
            return None
    return host if _HOST.fullmatch(host) else None


def _parents(host: str) -> Iterator[str]:
    """The host and its parents: `a.b.c`, `b.c`, `c`."""
    yield host
    at = host.find(".")
    while at >= 0:
        yield host[at + 1 :]
        at = host.find(".", at + 1)


@cache
def _domains(paths: tuple[str, ...], categories: tuple[str, ...]) -> frozenset[str]:
    """All domains of the lists at `paths`, read once in a process."""
    found: set[str] = set()
    for path in paths:
        domains = set(_read(Path(path), categories))
        if not domains:
            raise BadInput(f"url-domain: the blocklist {path} holds no domain; nothing would be blocked")
        found |= domains
    return frozenset(found)


def _read(path: Path, categories: tuple[str, ...]) -> Iterator[str]:
    if not path.exists():
        raise BadInput(f"url-domain: there is no blocklist at {path}")
    try:
        if path.is_dir():
            lists = {place.parent.name: place for place in sorted(path.rglob(_LIST_NAME)) if place.is_file()}
            for category in _chosen(path, lists, categories):
                with lists[category].open("rb") as file:
                    yield from _parse(file, f"{path}, category {category}")
        elif ".tar" in path.suffixes[-2:] or path.suffix == ".tgz":
            yield from _read_archive(path, categories)
        else:
            with _decompressed(path) as file:
                yield from _parse(file, str(path))
    except (OSError, EOFError, tarfile.TarError, zstandard.ZstdError) as error:
        raise BadInput(f"url-domain: the blocklist {path} cannot be read: {error}") from None


def _read_archive(path: Path, categories: tuple[str, ...]) -> Iterator[str]:
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
        yield from _parse(io.BytesIO(texts[category]), f"{path}, category {category}")


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


def _parse(file: Iterable[bytes], where: str) -> Iterator[str]:
    """The domains of one list. More bad lines than good ones is not a list of domains."""
    good = bad = 0
    for line in file:
        entry = line.decode("utf-8", "replace").split("#", 1)[0].split()
        if not entry:
            continue
        # "0.0.0.0 example.com" as in a hosts file; "*.example.com" and ".example.com" mean the domain.
        host = _plain_host(entry[-1].removeprefix("*").removeprefix(".")) if len(entry) <= 2 else None
        if host is None:
            bad += 1
        else:
            good += 1
            yield host
    if bad > good:
        raise BadInput(
            f"url-domain: {where}: {bad} of {good + bad} lines are no domain; is this a list of domains?"
        )
