"""Which files an input names: paths, folders, globs, object stores, Hugging Face data sets."""

from __future__ import annotations

import fnmatch
import glob
import os
import re
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote, unquote

from cupel.corpus import hub
from cupel.corpus.fingerprint import digest_of, stamp_of
from cupel.corpus.formats import FORMATS, HEAD, Detected, detect_format, extension, format_by_name, stem
from cupel.corpus.remote import (
    IOOptions,
    cause_of,
    is_remote,
    is_web,
    open_raw,
    printable,
    recorded_path,
    web_version,
)
from cupel.errors import BadInput, BadOption, UnknownName
from cupel.threads import in_order

__all__ = ["InputFile", "LeftOut", "Scan", "find_files", "scan"]

_HUB_NAME = re.compile(r"^[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}$")
_NAMED = 3
# In a store, a look into a file costs a request: code and prose that are named so are not looked into.
_LOOKED_INTO = ("txt", "text")
_REQUESTS_AT_ONCE = 16
_MAX_FILES = 1 << 22
"""A document's number keeps 23 bits for its file."""
DEFAULT_EXCLUDE = (".git", ".hg", ".svn", "__pycache__", ".venv", "node_modules", ".cupel")


@dataclass(frozen=True)
class InputFile:
    """One file of the input.

    Attributes
    ----------
    index
        Its place among all files, sorted by path.
    relative
        The path below the folder that was named, for `source`.
    format
        One of `FORMATS`; compression is found when reading.
    guessed
        Whether it was found in a folder and holds JSON objects that may be no documents: without a
        text column it goes to quarantine.
    digest
        Changes when the file does; see `cupel.corpus.fingerprint` for what it looks at.
    stamp
        Size and times of a local file: while they stay, it need not be read to know that it is the same.
    """

    index: int
    path: str
    relative: str
    format: str
    bytes: int
    digest: str
    guessed: bool = False
    stamp: str = ""

    @property
    def source(self) -> str:
        """The default `source` of its documents: the top folder, else the file's stem."""
        top, slash, _ = self.relative.partition("/")
        return top if slash else stem(self.relative)


@dataclass
class LeftOut:
    """Files of one kind that a folder holds and that are not read.

    Attributes
    ----------
    kind
        Their ending, or what they are: `binary` (without an ending), `excluded`, `broken link`,
        `special file`.
    files, bytes
        How many there are, and their size.
    names
        Paths of the first ones below the folder.
    """

    kind: str
    files: int = 0
    bytes: int = 0
    names: list[str] = field(default_factory=list)

    def add(self, name: str, size: int) -> None:
        self.files += 1
        self.bytes += size
        if len(self.names) < _NAMED:
            self.names.append(printable(name))


@dataclass(frozen=True)
class Scan:
    """Files found, and what was left out of folders, the commonest kind first."""

    files: list[InputFile]
    left_out: list[LeftOut]


class _LeftOuts:
    """What is left out, by kind."""

    def __init__(self) -> None:
        self._kinds: dict[str, LeftOut] = {}

    def add(self, kind: str, name: str, size: int = 0) -> None:
        self._kinds.setdefault(kind, LeftOut(kind)).add(name, size)

    def sorted(self) -> list[LeftOut]:
        return sorted(self._kinds.values(), key=lambda kind: (-kind.files, kind.kind))


@dataclass(frozen=True)
class _Found:
    path: str
    relative: str
    bytes: int
    named: bool
    """Named itself, rather than found in a folder: then it is never left out."""


def find_files(
    inputs: Sequence[str],
    *,
    io: IOOptions | None = None,
    format: str | None = None,
    exclude: Sequence[str] = (),
    text_column: str | None = None,
) -> list[InputFile]:
    """The files that `inputs` name, sorted by path; see `scan`."""
    return scan(inputs, io=io, format=format, exclude=exclude, text_column=text_column).files


def scan(
    inputs: Sequence[str],
    *,
    io: IOOptions | None = None,
    format: str | None = None,
    exclude: Sequence[str] = (),
    text_column: str | None = None,
) -> Scan:
    """The files that `inputs` name, sorted by path, and what was left out.

    Parameters
    ----------
    inputs
        Files, folders (with all below them), globs, http(s)://, s3://, gs://, hf://datasets/…
        addresses, or the name `org/name` of a Hugging Face data set where no such path exists.
    io
        Settings for remote stores.
    format
        One of `FORMATS` for all files, whatever their names.
    exclude
        Glob patterns of names or relative paths to leave out of folders.
    text_column
        The column that holds the text; a file of JSON that has it is a table.

    Raises
    ------
    BadInput
        No such path, a pipe or device, no permission, or nothing that can be read; the message
        lists what was there instead.
    """
    if format is not None and format not in FORMATS:
        raise UnknownName("format", format, FORMATS)
    if not inputs:
        raise BadOption("no input is named")
    left_out = _LeftOuts()
    found: dict[str, _Found] = {}
    for given in inputs:
        for item in _expand(str(given), io, (*DEFAULT_EXCLUDE, *exclude), left_out):
            found.setdefault(item.path, item)
    items = sorted(found.values(), key=lambda item: item.path)
    kinds_of = [(item, Detected(format) if format else _detect(item, io, text_column)) for item in items]
    chosen = [(item, detected) for item, detected in kinds_of if detected.format is not None]
    for item, detected in kinds_of:
        if detected.format is None:
            ending = extension(item.relative)
            left_out.add(f".{ending}" if ending else "binary", item.relative, item.bytes)
    states = in_order(lambda pair: _state(pair[0], io), chosen, _REQUESTS_AT_ONCE)
    files = [
        InputFile(
            index,
            recorded_path(item.path),
            _recorded_relative(item.relative),
            str(detected.format),
            item.bytes,
            digest,
            detected.guessed and not item.named,
            stamp,
        )
        for index, ((item, detected), (stamp, digest)) in enumerate(zip(chosen, states, strict=True))
    ]
    kinds = left_out.sorted()
    if not files:
        seen = ", ".join(f"{kind.files} {kind.kind}" for kind in kinds[:8]) or "no files at all"
        raise BadInput(f"nothing to read in {printable(', '.join(map(str, inputs)))}; there are: {seen}")
    if len(files) > _MAX_FILES:
        raise BadInput(f"{len(files)} files are more than the {_MAX_FILES} that one run can take")
    return Scan(files, kinds)


def _recorded_relative(relative: str) -> str:
    try:
        relative.encode("utf-8")
    except UnicodeEncodeError:
        return quote(os.fsencode(relative))
    return relative


def _state(item: _Found, io: IOOptions | None) -> tuple[str, str]:
    """Stamp and digest: the stamp first, so that a change in between shows."""
    try:
        return stamp_of(item.path), digest_of(item.path, item.bytes, io)
    except OSError as error:
        raise BadInput(f"cannot read {item.path}: {error}") from None


def _expand(
    given: str, io: IOOptions | None, exclude: Sequence[str], left_out: _LeftOuts
) -> Iterator[_Found]:
    if is_remote(given) and not os.path.lexists(given):
        yield from _remote(given, io)
        return
    path = _local_path(given)
    if os.path.isdir(path):
        yield from _folder(path, exclude, left_out)
    elif os.path.lexists(path):
        yield _local(path, os.path.basename(path))
    elif glob.has_magic(path):
        matches = sorted(glob.glob(path, recursive=True))
        if not matches:
            raise BadInput(f"nothing matches {given}; {_what_is_near(path)}")
        for match in matches:
            if os.path.isdir(match):
                yield from _folder(match, exclude, left_out)
            else:
                yield _local(match, os.path.basename(match))
    elif _HUB_NAME.match(given) and not os.path.isdir(os.path.dirname(path)):
        yield from _remote(f"hf://datasets/{given}", io)
    else:
        raise BadInput(f"no such file or folder: {printable(given)}; {_what_is_near(path)}")


def _local_path(given: str) -> str:
    """The path that exists as written; else that of a `file://` URL, or below a home folder."""
    if os.path.lexists(given):
        return given
    if given.startswith("file://"):
        path = given.removeprefix("file://").removeprefix("localhost")
        return path if os.path.lexists(path) else unquote(path)
    return os.path.expanduser(given)


def _what_is_near(path: str) -> str:
    """What does exist on the way to a path that does not."""
    folder = os.path.dirname(path) or "."
    while folder and not os.path.isdir(folder) and os.path.dirname(folder) != folder:
        folder = os.path.dirname(folder)
    try:
        names = sorted(os.listdir(folder or "."))
    except OSError as error:
        return f"{printable(folder)} cannot be listed: {error.strerror}"
    if not names:
        return f"{printable(folder)} is empty"
    return printable(f"{folder} holds {', '.join(names[:8])}{' …' if len(names) > 8 else ''}")


def _local(path: str, relative: str) -> _Found:
    try:
        status = os.stat(path)
    except OSError as error:
        raise BadInput(f"cannot read {printable(path)}: {error.strerror}") from None
    if not stat.S_ISREG(status.st_mode):
        raise BadInput(
            f"{printable(path)} is {_special(status.st_mode)}, which can be read only once: "
            "a run looks at its input, reads it, and reads it again to resume. Write it to a file first"
        )
    if not _may(path, os.R_OK):
        raise BadInput(f"no permission to read {printable(path)}")
    if path.startswith(("/dev/", "/proc/")):  # standard input that is a file: the file's own name lasts
        path = os.path.realpath(path)
        relative = os.path.basename(path)
    return _Found(os.path.abspath(path), relative, status.st_size, True)


def _special(mode: int) -> str:
    kinds = ((stat.S_ISFIFO, "a pipe"), (stat.S_ISSOCK, "a socket"), (stat.S_ISCHR, "a terminal or device"))
    return next((name for test, name in kinds if test(mode)), "a device")


def _may(path: str, mode: int) -> bool:
    """Whether this process may, as the user it acts for rather than the one who started it."""
    return os.access(path, mode, effective_ids=os.access in os.supports_effective_ids)


def _folder(root: str, exclude: Sequence[str], left_out: _LeftOuts) -> Iterator[_Found]:
    """Every file below `root`; linked folders are followed once, loops end."""
    top = os.path.abspath(root)
    if not _may(top, os.R_OK | os.X_OK):
        raise BadInput(f"no permission to list {printable(root)}")
    seen: set[tuple[int, int]] = set()

    def note(error: OSError) -> None:
        left_out.add("unlistable folder", os.path.relpath(str(error.filename), top))

    for folder, folders, names in os.walk(top, followlinks=True, onerror=note):
        status = os.stat(folder)
        if (status.st_dev, status.st_ino) in seen:
            folders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        below = os.path.relpath(folder, top).replace(os.sep, "/")
        prefix = "" if below == "." else below + "/"
        folders[:] = sorted(name for name in folders if not _excluded(name, prefix + name, exclude))
        for name in sorted(names):
            relative = prefix + name
            if _excluded(name, relative, exclude):
                left_out.add("excluded", relative)
                continue
            path = os.path.join(folder, name)
            try:
                status = os.stat(path)
            except OSError:
                left_out.add("broken link", relative)
                continue
            if os.path.isfile(path):
                yield _Found(path, relative, status.st_size, False)
            else:
                left_out.add("special file", relative)


def _excluded(name: str, relative: str, exclude: Sequence[str]) -> bool:
    return any(fnmatch.fnmatch(name, pattern) or fnmatch.fnmatch(relative, pattern) for pattern in exclude)


def _hub(given: str, address: str, io: IOOptions | None) -> Iterator[_Found]:
    files = list(hub.list_files(given, address, (io or IOOptions()).tries))
    if not files:
        raise BadInput(f"cannot find {given}: {address} has nothing there")
    for file in files:
        yield _Found(file.address, file.relative, file.bytes, len(files) == 1)


def _remote(given: str, io: IOOptions | None) -> Iterator[_Found]:
    other_hub = hub.endpoint()
    if given.startswith("hf://") and other_hub is not None:
        yield from _hub(given, other_hub, io)
        return
    if is_web(given) and "*" not in given and not given.endswith("/"):
        try:
            version = web_version(given, io)
        except OSError as error:
            raise BadInput(f"cannot find {given}: {str(error).removeprefix(f'{given}: ')}") from None
        yield _Found(given, given.rsplit("/", 1)[-1], 1 if version.size is None else version.size, True)
        return
    import daft
    from daft.exceptions import DaftCoreException

    last = given.rstrip("/").rsplit("/", 1)[-1]
    single = "." in last and not glob.has_magic(given)
    # http has no folders; a store's folder is all that lies below it.
    tries = [given] if single or glob.has_magic(given) else [given.rstrip("/") + "/**", given]
    if given.startswith(("http://", "https://")):
        tries = [given]
    problem = "nothing is there"
    for pattern in tries:
        try:
            listing = daft.from_glob_path(pattern, io_config=(io or IOOptions()).config()).to_pydict()
        except (DaftCoreException, FileNotFoundError, PermissionError, ValueError, OSError) as error:
            # Daft's own complaint about an empty listing tells nobody anything.
            if "MicroPartition" not in str(error):
                problem = cause_of(error)
            continue
        rows = list(zip(listing["path"], listing["size"], strict=True))
        if not rows:
            continue
        base = given[: given.find("*")] if "*" in given else given.rstrip("/") + "/"
        base = base if len(rows) > 1 or not single else ""
        for path, size in rows:
            named = len(rows) == 1
            relative = path[len(base) :] if base and path.startswith(base) else path.rsplit("/", 1)[-1]
            # A store may not tell the size; anything but zero means: there is something.
            yield _Found(path, relative, size if size is not None else 1, named)
        return
    raise BadInput(f"cannot find {given}: {problem}")


def _detect(item: _Found, io: IOOptions | None, text_column: str | None) -> Detected:
    """The format to read the file as; none leaves it out."""
    kind = format_by_name(item.path)
    if kind == "ignored" and not item.named:
        return Detected(None)
    if kind not in (None, "text", "ignored"):
        return Detected(kind)
    if item.bytes == 0:
        return Detected("text")
    if kind == "text" and is_remote(item.path) and extension(item.path) not in _LOOKED_INTO:
        return Detected("text")
    try:
        raw = open_raw(recorded_path(item.path), io)
        try:
            head = raw.read(HEAD)
        finally:
            raw.close()
    except OSError:
        # Reading it will say so, in the quarantine.
        return Detected("text")
    detected = detect_format(item.path, head, whole=len(head) < HEAD, text_column=text_column)
    if detected.format is None and item.named:
        return Detected("text")
    return detected
