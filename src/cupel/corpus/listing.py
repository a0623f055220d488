"""What inputs name: the files behind paths, folders, globs, addresses of stores and Hugging Face data sets."""

from __future__ import annotations

import fnmatch
import glob
import os
import re
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from cupel.corpus import hub
from cupel.corpus.formats import file_name
from cupel.corpus.remote import IOOptions, cause_of, is_remote, is_web, printable, web_version
from cupel.errors import BadInput

__all__ = ["LeftOut", "LeftOuts", "Listed", "list_input"]

_HUB_NAME = re.compile(r"^[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}$")
_MAX_NAMES = 3
DEFAULT_EXCLUDE = (".git", ".hg", ".svn", "__pycache__", ".venv", "node_modules", ".cupel")


@dataclass(frozen=True)
class Listed:
    """A file that an input names.

    Attributes
    ----------
    path
        Its absolute path, or its address.
    relative
        Its path below the folder that was named.
    bytes
        Its stored size; 1 where a store does not say.
    named
        Whether it was named itself, rather than found in a folder: then it is never left out.
    """

    path: str
    relative: str
    bytes: int
    named: bool


@dataclass
class LeftOut:
    """Files of one kind that a folder holds and that are not read.

    Attributes
    ----------
    kind
        Their ending, or what they are: `binary` (without an ending), `excluded`, `excluded folder`,
        `broken link`, `special file`, `unlistable folder`.
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
        if len(self.names) < _MAX_NAMES:
            self.names.append(printable(name))


class LeftOuts:
    """What is left out, by kind."""

    def __init__(self) -> None:
        self._kinds: dict[str, LeftOut] = {}

    def add(self, kind: str, name: str, size: int = 0) -> None:
        self._kinds.setdefault(kind, LeftOut(kind)).add(name, size)

    def sorted(self) -> list[LeftOut]:
        """The most common kind first."""
        return sorted(self._kinds.values(), key=lambda kind: (-kind.files, kind.kind))


def list_input(
    name: str, *, io: IOOptions | None, exclude: Sequence[str], left_out: LeftOuts
) -> Iterator[Listed]:
    """The files that one input names, in no particular order; what folders hold besides goes into `left_out`.

    Raises
    ------
    BadInput
        No such path, a pipe or device, or no permission; the message says what is there instead.
    """
    exclude = (*DEFAULT_EXCLUDE, *exclude)
    if is_remote(name) and not os.path.lexists(name):
        yield from _without_excluded(_remote(name, io), exclude, left_out)
        return
    path = _local_path(name)
    if os.path.isdir(path):
        yield from _folder(path, exclude, left_out)
    elif os.path.lexists(path):
        yield _local(path, os.path.basename(path))
    elif glob.has_magic(path):
        matches = sorted(glob.glob(path, recursive=True))
        if not matches:
            raise BadInput(f"nothing matches {name}; {_what_is_near(path)}")
        for match in matches:
            if os.path.isdir(match):
                yield from _folder(match, exclude, left_out)
            else:
                yield _local(match, os.path.basename(match))
    elif _HUB_NAME.match(name) and not os.path.isdir(os.path.dirname(path)):
        yield from _without_excluded(_remote(f"hf://datasets/{name}", io), exclude, left_out)
    else:
        raise BadInput(f"no such file or folder: {printable(name)}; {_what_is_near(path)}")


def _local_path(name: str) -> str:
    """The path as written if it exists; else that of a `file://` address, or one below a home folder."""
    if os.path.lexists(name):
        return name
    if name.startswith("file://"):
        path = name.removeprefix("file://").removeprefix("localhost")
        return path if os.path.lexists(path) else unquote(path)
    return os.path.expanduser(name)


def _what_is_near(path: str) -> str:
    """What does exist on the way to a path that does not exist."""
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


def _local(path: str, relative: str) -> Listed:
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
    if path.startswith(
        ("/dev/", "/proc/")
    ):  # standard input redirected from a file: only the file's own name lasts
        path = os.path.realpath(path)
        relative = os.path.basename(path)
    return Listed(os.path.abspath(path), relative, status.st_size, True)


def _special(mode: int) -> str:
    kinds = ((stat.S_ISFIFO, "a pipe"), (stat.S_ISSOCK, "a socket"), (stat.S_ISCHR, "a terminal or device"))
    return next((name for test, name in kinds if test(mode)), "a device")


def _may(path: str, mode: int) -> bool:
    """Whether this process has access, by its effective user."""
    return os.access(path, mode, effective_ids=os.access in os.supports_effective_ids)


def _folder(root: str, exclude: Sequence[str], left_out: LeftOuts) -> Iterator[Listed]:
    """Every file below `root`; each linked folder is followed once, so loops end."""
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
        excluded = {name for name in folders if _excluded(name, prefix + name, exclude)}
        for name in sorted(excluded):
            if not _excluded(name, prefix + name, DEFAULT_EXCLUDE):
                left_out.add("excluded folder", prefix + name)
        folders[:] = sorted(set(folders) - excluded)
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
                yield Listed(path, relative, status.st_size, False)
            else:
                left_out.add("special file", relative)


def _excluded(name: str, relative: str, exclude: Sequence[str]) -> bool:
    return any(fnmatch.fnmatch(name, pattern) or fnmatch.fnmatch(relative, pattern) for pattern in exclude)


def _without_excluded(
    files: Iterator[Listed], exclude: Sequence[str], left_out: LeftOuts
) -> Iterator[Listed]:
    """The files of a store's folder that neither are excluded themselves nor lie in a folder that is."""
    for file in files:
        parts = file.relative.split("/")
        above = (("/".join(parts[: place + 1]), part) for place, part in enumerate(parts))
        if not file.named and any(_excluded(part, path, exclude) for path, part in above):
            left_out.add("excluded", file.relative, file.bytes)
        else:
            yield file


def _hub(name: str, hub_address: str, io: IOOptions | None) -> Iterator[Listed]:
    io = io or IOOptions()
    files = list(hub.list_files(name, hub_address, tries=io.tries, seconds=io.seconds))
    if not files:
        raise BadInput(f"cannot find {name}: {hub_address} has nothing there")
    for file in files:
        yield Listed(file.address, file.relative, file.bytes, len(files) == 1)


def _remote(address: str, io: IOOptions | None) -> Iterator[Listed]:
    hub_address = hub.endpoint()
    if address.startswith("hf://") and hub_address is not None:
        yield from _hub(address, hub_address, io)
        return
    if is_web(address) and "*" not in address and not address.endswith("/"):
        try:
            version = web_version(address, io)
        except OSError as error:
            raise BadInput(f"cannot find {address}: {str(error).removeprefix(f'{address}: ')}") from None
        name = file_name(address) or urlsplit(address).netloc
        yield Listed(address, name, 1 if version.size is None else version.size, True)
        return
    import daft
    from daft.exceptions import DaftCoreException

    last = address.rstrip("/").rsplit("/", 1)[-1]
    single = "." in last and not glob.has_magic(address)
    # A store's folder is everything below it; web servers have no folders.
    whole = single or glob.has_magic(address) or is_web(address)
    patterns = [address] if whole else [address.rstrip("/") + "/**", address]
    problem = "nothing is there"
    for pattern in patterns:
        try:
            listing = daft.from_glob_path(pattern, io_config=(io or IOOptions()).config()).to_pydict()
        except (DaftCoreException, FileNotFoundError, PermissionError, ValueError, OSError) as error:
            # Daft's own message about an empty listing helps nobody.
            if "MicroPartition" not in str(error):
                problem = cause_of(error)
            continue
        rows = list(zip(listing["path"], listing["size"], strict=True))
        if not rows:
            continue
        base = address[: address.find("*")] if "*" in address else address.rstrip("/") + "/"
        base = base if len(rows) > 1 or not single else ""
        for path, size in rows:
            named = len(rows) == 1
            relative = path[len(base) :] if base and path.startswith(base) else path.rsplit("/", 1)[-1]
            # Where a store does not say the size, anything but zero will do: zero would mean an empty file.
            yield Listed(path, relative, size if size is not None else 1, named)
        return
    raise BadInput(f"cannot find {address}: {problem}")
