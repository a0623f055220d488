"""Lists in files: plain or compressed, in a folder or archive of the UT1 kind, or brought by a package."""

from __future__ import annotations

import gzip
import io
import tarfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path, PurePosixPath
from typing import BinaryIO, cast

import zstandard

from cupel.errors import BadInput, BadOption, UnknownName

__all__ = ["entries", "list_files", "package_file"]


def list_files(
    method: str, path: Path, list_name: str, categories: tuple[str, ...] = ()
) -> Iterator[tuple[Iterable[bytes], str]]:
    """The lists at a path: the lines of each, and its name for messages.

    Parameters
    ----------
    method
        Who reads them, for messages.
    path
        A text file, `.gz` or `.zst`; or a folder or `.tar`, `.tar.gz`, `.tar.zst` of the UT1 kind, where each category
        is a folder.
    list_name
        The name of a category's file: `domains`, `urls`.
    categories
        Those to read; needed where there are several.

    Raises
    ------
    BadInput
        There is no file, or it cannot be read.
    UnknownName, BadOption
        A category that does not exist, or several of which none is named.
    """
    if not path.exists():
        raise BadInput(f"{method}: there is no blocklist at {path}")
    try:
        if path.is_dir():
            yield from _read_folder(method, path, list_name, categories)
        elif ".tar" in path.suffixes[-2:] or path.suffix == ".tgz":
            yield from _read_archive(method, path, list_name, categories)
        else:
            with _decompressed(path) as file:
                content = file.read()  # whole, so that what is wrong with the file is noticed here
            yield io.BytesIO(content), str(path)
    except (OSError, EOFError, tarfile.TarError, zlib.error, zstandard.ZstdError) as error:
        raise BadInput(f"{method}: the blocklist {path} cannot be read: {error}") from None


def entries(lines: Iterable[bytes]) -> Iterator[tuple[int, str]]:
    """The lines of a list with their numbers, from 1, without blank lines and comments (`#`).

    >>> list(entries([b"# words\\n", b"\\n", "Café \\n".encode()]))
    [(3, 'Café')]
    """
    for number, line in enumerate(lines, 1):
        text = line.decode("utf-8-sig" if number == 1 else "utf-8", "replace").strip()
        if text and not text.startswith("#"):
            yield number, text


def package_file(method: str, package: str, name: str) -> Path:
    """A file that an installed package brings, without importing the package.

    Raises
    ------
    BadOption
        The package is not installed, or has no such file.
    """
    spec = find_spec(package)
    for folder in (spec.submodule_search_locations or []) if spec else []:
        path = Path(folder) / name
        if path.is_file():
            return path
    raise BadOption(
        f"{method}: the package {package} brings no file '{name}' here; pip install {package}, or name lists of your own"
    )


def _read_folder(
    method: str, path: Path, list_name: str, categories: tuple[str, ...]
) -> Iterator[tuple[Iterable[bytes], str]]:
    files: dict[str, list[Path]] = {}
    for file in sorted(path.rglob(list_name)):
        if file.is_file():
            files.setdefault(file.parent.name, []).append(file)
    for category in _chosen(method, path, list_name, files, categories):
        for file in files[category]:
            yield io.BytesIO(file.read_bytes()), f"{file}, category {category}"


def _read_archive(
    method: str, path: Path, list_name: str, categories: tuple[str, ...]
) -> Iterator[tuple[Iterable[bytes], str]]:
    """The lists of an archive, read as a stream; nothing is unpacked to disk."""
    contents: dict[str, list[bytes]] = {}
    with _decompressed(path) as file, tarfile.open(fileobj=file, mode="r|") as archive:
        for member in archive:
            name = PurePosixPath(member.name)
            if not member.isfile() or name.name != list_name:
                continue
            category = name.parent.name
            lists = contents.setdefault(category, [])
            if not categories or category in categories:
                file_in_archive = archive.extractfile(member)
                lists.append(file_in_archive.read() if file_in_archive else b"")
    for category in _chosen(method, path, list_name, contents, categories):
        for content in contents[category]:
            yield io.BytesIO(content), f"{path}, category {category}"


def _chosen(
    method: str, path: Path, list_name: str, known: Mapping[str, object], categories: tuple[str, ...]
) -> Iterable[str]:
    if not known and not categories:
        raise BadInput(f"{method}: the blocklist {path} has no file called '{list_name}'")
    for category in categories:
        if category not in known:
            raise UnknownName("category", category, known, where=f"{method}: {path}")
    if not categories and len(known) > 1:
        raise BadOption(
            f"{method}: {path} has several categories; name those to block with the option 'categories': "
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
    """All frames of a file; unlike zstandard's stream reader, this notices when the last one is cut short."""
    out = []
    while packed:
        frame = zstandard.ZstdDecompressor().decompressobj()
        out.append(frame.decompress(packed))
        if not frame.eof:
            raise EOFError("it is cut short")
        packed = frame.unused_data
    return b"".join(out)
