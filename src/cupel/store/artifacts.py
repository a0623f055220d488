"""The Store: a folder of artifacts, each named by the digest of everything that decides its content.

STORE/KIND/DIGEST         the artifact, a folder
STORE/KIND/DIGEST.json    its key; the time of this file is that of its last use
STORE/.used/…             what each running process uses, so that nobody takes it away
"""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from cupel.errors import BadOption
from cupel.store.digests import digest_file, digest_json
from cupel.store.files import hold, locked, make, make_folder, remove_unlocked, replace
from cupel.store.users import mark_used, used
from cupel.units import read_bytes

__all__ = ["Artifact", "Key", "Store", "default_folder"]

_ARTIFACT = re.compile(r"[0-9a-f]{32}")
_KIND = re.compile(r"[a-z][a-z0-9-]*")
_INCOMING = ".incoming"
"""The end of the name of a file whose content is not known yet."""


def default_folder() -> Path:
    """`$CUPEL_CACHE`, else `cupel` in the user's cache folder."""
    folder = os.environ.get("CUPEL_CACHE")
    home = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(folder) if folder else Path(home) / "cupel"


@dataclass(frozen=True)
class Key:
    """Everything that decides an artifact's content; equal keys name one artifact.

    Attributes
    ----------
    kind
        What it is: `tokens`, `trial`, `tokenizer`. Lower case, a folder of the Store.
    name
        What made it: a method, a scale.
    version
        Of what made it: goes up whenever the same key would give another content.
    options
        Anything that JSON can hold.
    inputs
        Digests of what was read, by what it is: `{"documents": "1e10…"}`.

    Examples
    --------
    >>> key = Key("tokens", version=2, options={"piece": 4096}, inputs={"documents": "1e10"})
    >>> key.digest == Key("tokens", version=2, inputs={"documents": "1e10"}, options={"piece": 4096}).digest
    True
    """

    kind: str
    name: str = ""
    version: int = 1
    options: Mapping[str, Any] = field(default_factory=dict)
    inputs: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not _KIND.fullmatch(self.kind):
            raise ValueError(f"kind is {self.kind!r}: expected lower-case letters, digits and hyphens")

    @cached_property
    def digest(self) -> str:
        """32 hexadecimal digits."""
        return digest_json(asdict(self))


@dataclass(frozen=True)
class Artifact:
    """Something that the Store holds.

    Attributes
    ----------
    kind, path
        What it is, and its folder.
    key
        As JSON; None where it was made by a version of Cupel that wrote no keys.
    bytes
        All files below it.
    made, used
        Seconds since the epoch.
    in_use
        A running process uses it.
    """

    kind: str
    path: Path
    key: Mapping[str, Any] | None
    bytes: int
    made: float
    used: float
    in_use: bool


@dataclass(frozen=True)
class Store:
    """A folder of artifacts.

    Attributes
    ----------
    folder
        Made when the first artifact is.
    max_bytes
        What `trim` leaves at most; by default `$CUPEL_CACHE_SIZE` (`20GB`), and without it as much as there is.

    Examples
    --------
    >>> import tempfile
    >>> store = Store(Path(tempfile.mkdtemp()))
    >>> key = Key("greeting", options={"city": "東京"})
    >>> def build(folder):
    ...     folder.mkdir()
    ...     _ = (folder / "words.txt").write_text("Café in 東京")
    >>> store.get(key) is None
    True
    >>> (store.make(key, build) / "words.txt").read_text()
    'Café in 東京'
    >>> [(artifact.kind, artifact.bytes) for artifact in store.artifacts()]
    [('greeting', 15)]
    """

    folder: Path
    max_bytes: int | None = None

    @classmethod
    def of(cls, folder: str | os.PathLike[str] | Store | None = None) -> Store:
        """The Store in `folder` (by default the user's own) with the bound that the environment sets; a Store is itself.

        Raises
        ------
        BadOption
            `$CUPEL_CACHE_SIZE` is no size.
        """
        if isinstance(folder, Store):
            return folder
        size = os.environ.get("CUPEL_CACHE_SIZE")
        try:
            bound = read_bytes(size) if size else None
        except BadOption as error:
            raise BadOption(f"CUPEL_CACHE_SIZE: {error}") from None
        return cls(Path(folder).absolute() if folder is not None else default_folder().absolute(), bound)

    def path(self, key: Key) -> Path:
        """Where the artifact of this key lies, or would lie."""
        return self.folder / key.kind / key.digest

    def get(self, key: Key, whole: Callable[[Path], bool] = Path.is_dir) -> Path | None:
        """The artifact of this key, if it is there and whole."""
        if not whole(self.path(key)):
            return None
        self._use(key)
        return self.path(key) if whole(self.path(key)) else None

    def make(
        self, key: Key, build: Callable[[Path], object], whole: Callable[[Path], bool] = Path.is_dir
    ) -> Path:
        """The artifact of this key, built if it is not there.

        Parameters
        ----------
        build
            Called with an unused path, where it makes a folder. Processes that ask for one key at once wait for
            the one that builds it.
        whole
            Whether what is there can be used; what cannot is built anew.

        Raises
        ------
        OSError
            A full disk, or no permission. What `build` raises is passed on; nothing is left of it.
        """
        self._use(key)
        return make(self.path(key), build, whole=whole)

    def keep(self, kind: str, name: str, file: str, write: Callable[[Path], object]) -> Path:
        """The artifact of one file that is named by its content, which nobody knows before it is written.

        Parameters
        ----------
        kind, name
            Of the key; the digest of the content joins them.
        file
            The name of the file in the artifact's folder.
        write
            Called with the path of an empty file, which it fills. What a process that was killed left of one is
            removed by the next call.

        Returns
        -------
        Path
            Of the file.

        Raises
        ------
        OSError
            A full disk, or no permission. What `write` raises is passed on; nothing is left of it.

        Examples
        --------
        >>> import tempfile
        >>> store = Store(Path(tempfile.mkdtemp()))
        >>> first, again = (store.keep("words", "city", "city.txt", lambda path: path.write_text("東京")) for _ in "ab")
        >>> first == again, first.name, first.read_text()
        (True, 'city.txt', '東京')
        """
        folder = self.folder / kind
        make_folder(folder)
        incoming = folder / f".{secrets.token_hex(8)}{_INCOMING}"
        with self._alone():
            for leftover in folder.glob(f".*{_INCOMING}"):
                remove_unlocked(leftover)
            held = hold(incoming)
        try:
            write(incoming)
            key = Key(kind, name, inputs={"content": digest_file(incoming)})

            def build(unfinished: Path) -> None:
                unfinished.mkdir()
                os.replace(incoming, unfinished / file)

            return self.make(key, build) / file
        finally:
            incoming.unlink(missing_ok=True)
            os.close(held)

    def place(self, key: Key) -> Path:
        """The folder of an artifact that grows where it lies, and says itself when it is whole: a trial, a run."""
        self._use(key)
        make_folder(self.path(key))
        return self.path(key)

    def withdraw(self, place: Path) -> None:
        """Give up a `place` that nothing was put into and that no other process uses: its folder and its key."""
        with self._alone():
            if _name(place.parent.name, place) in used(self.folder, own=False):
                return
            with suppress(OSError):  # it is not empty: a trial was begun there
                place.rmdir()
                place.with_suffix(".json").unlink(missing_ok=True)

    def artifacts(self) -> list[Artifact]:
        """Everything that the Store holds, by kind, the least recently used first."""
        names = used(self.folder, own=True)
        artifacts = []
        for kind, path in self._paths():
            with suppress(FileNotFoundError):  # another process removes it
                artifacts.append(self._artifact(kind, path, names))
        return sorted(artifacts, key=lambda artifact: (artifact.kind, artifact.used))

    def remove(self, artifacts: Iterable[Artifact]) -> list[Artifact]:
        """Take artifacts away, but for those that another running process uses; gives what was removed."""
        removed = []
        for waste in self.folder.glob("*/.*.removed"):  # left by a process that was killed at it
            shutil.rmtree(waste, ignore_errors=True)
        for artifact in artifacts:
            with self._alone():
                if _name(artifact.kind, artifact.path) in used(self.folder, own=False):
                    continue
                # Out of the way at once: whoever looks for it from now on makes it anew.
                waste = artifact.path.with_name(f".{artifact.path.name}.removed")
                shutil.rmtree(waste, ignore_errors=True)
                artifact.path.rename(waste)
                artifact.path.with_suffix(".json").unlink(missing_ok=True)
            shutil.rmtree(waste, ignore_errors=True)
            removed.append(artifact)
        return removed

    def excess(self, artifacts: Iterable[Artifact], keep_bytes: int) -> list[Artifact]:
        """What must go, the least recently used first, so that the rest of these takes at most `keep_bytes`."""
        waiting = sorted(artifacts, key=lambda artifact: artifact.used)
        size = sum(artifact.bytes for artifact in waiting)
        removable = []
        for artifact in waiting:
            if size <= keep_bytes:
                break
            if not artifact.in_use:
                removable.append(artifact)
                size -= artifact.bytes
        return removable

    def trim(self) -> list[Artifact]:
        """Remove what was not used for the longest time, until the rest is at most `max_bytes`."""
        return self.remove(self.excess(self.artifacts(), self.max_bytes)) if self.max_bytes else []

    def _use(self, key: Key) -> None:
        """Write the key beside the artifact, and that this process uses it from now on."""
        path = self.path(key).with_suffix(".json")
        try:
            with self._alone():
                mark_used(self.folder, _name(key.kind, self.path(key)))
            if path.exists():
                os.utime(path)
            else:
                text = json.dumps(asdict(key), indent=1, sort_keys=True, ensure_ascii=False)
                replace(path, lambda unfinished: unfinished.write_text(text, "utf-8"))
        except PermissionError:
            if not self.path(key).is_dir():
                raise  # else a Store of others, which can be read

    def _paths(self) -> Iterator[tuple[str, Path]]:
        for kind in sorted(self.folder.glob("*/")) if self.folder.is_dir() else ():
            for path in sorted(kind.iterdir()) if _KIND.fullmatch(kind.name) else ():
                if _ARTIFACT.fullmatch(path.name) and path.is_dir():
                    yield kind.name, path

    def _artifact(self, kind: str, path: Path, names: frozenset[str]) -> Artifact:
        file = path.with_suffix(".json")
        key, times = None, path.stat()
        with suppress(OSError, ValueError):
            key = json.loads(file.read_text("utf-8"))
            times = file.stat()
        size = 0
        for entry in path.rglob("*"):
            with suppress(FileNotFoundError):  # a trial that is trained replaces its checkpoints
                size += entry.stat().st_size if entry.is_file() else 0
        return Artifact(
            kind, path, key, size, path.stat().st_mtime, times.st_mtime, _name(kind, path) in names
        )

    @contextmanager
    def _alone(self) -> Iterator[None]:
        with locked(self.folder / "used"):
            yield


def _name(kind: str, path: Path) -> str:
    return f"{kind}/{path.name}"
