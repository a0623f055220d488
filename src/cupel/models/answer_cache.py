"""Answers of a model, kept on disk: what was answered once is neither asked nor paid for again.

One SQLite database in WAL mode per model. SQLite gives what a log of our own would have to: each answer is committed
whole or not at all, a killed process loses none that was committed, a log cut short loses its last answers and no
others, several processes read and write at once, and an answer is found without reading the file. Its pages have no
checksums, so that each answer carries a digest; one that does not match is asked for again.
"""

from __future__ import annotations

import errno
import json
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path

from cupel.errors import Damaged, RunFailed
from cupel.models.model import Answer, Request
from cupel.store import digest_all, digest_json, make_folder
from cupel.store.files import locked

__all__ = ["AnswerCache", "request_key"]

_FILE = "answers.sqlite"
_VERSION = 1
_AT_ONCE = 500
_WAIT_SECONDS = 600.0


def request_key(model_digest: str, request: Request) -> str:
    """The digest of everything that decides an answer."""
    return digest_json({"model": model_digest, "request": asdict(request)})


class AnswerCache:
    """The answers in a folder. Threads may share it, and processes the folder, on a disk of this machine.

    Parameters
    ----------
    folder
        Made where it is missing.

    Raises
    ------
    Damaged
        The file is no cache of answers, or is damaged.
    RunFailed
        It cannot be opened: no permission, or another process holds it for minutes.

    Examples
    --------
    >>> import tempfile
    >>> cache = AnswerCache(Path(tempfile.mkdtemp()))
    >>> cache.put("1e10", Answer("東京", tokens_in=7, tokens_out=1))
    Answer(text='東京', refused='', tokens_in=7, tokens_out=1, estimated=False, cached=False)
    >>> cache.get(["1e10", "ab12"])
    {'1e10': Answer(text='東京', refused='', tokens_in=7, tokens_out=1, estimated=False, cached=True)}
    >>> cache.close()
    """

    def __init__(self, folder: Path) -> None:
        make_folder(folder)
        self.path = folder / _FILE
        self._alone = threading.Lock()
        with locked(self.path), self._faults():
            self._connection = sqlite3.connect(
                self.path, timeout=_WAIT_SECONDS, check_same_thread=False, isolation_level=None
            )
            self._prepare()

    def get(self, keys: Sequence[str]) -> dict[str, Answer]:
        """The answers that are there, by key, marked as cached."""
        answers = {}
        for start in range(0, len(keys), _AT_ONCE):
            part = list(keys[start : start + _AT_ONCE])
            places = ",".join("?" * len(part))
            with self._alone, self._faults():
                rows = self._connection.execute(
                    f"SELECT key, answer, seal FROM answers WHERE key IN ({places})", part
                ).fetchall()
            for key, content, seal in rows:
                if digest_all([key, content]) == seal:
                    answers[key] = Answer(**json.loads(content), cached=True)
        return answers

    def put(self, key: str, answer: Answer) -> Answer:
        """Keep an answer, and give it with the text that counts: that of another process, if it came before."""
        content = json.dumps(
            {
                "text": answer.text,
                "tokens_in": answer.tokens_in,
                "tokens_out": answer.tokens_out,
                "estimated": answer.estimated,
            }
        )
        row = (key, content, digest_all([key, content]))
        with self._alone, self._faults(), self._transaction():
            held = self._connection.execute(
                "SELECT answer, seal FROM answers WHERE key = ?", (key,)
            ).fetchone()
            if held is not None and digest_all([key, held[0]]) == held[1]:
                return replace(answer, text=json.loads(held[0])["text"])
            self._connection.execute("INSERT OR REPLACE INTO answers VALUES (?, ?, ?)", row)
        return answer

    def close(self) -> None:
        """Close the file."""
        with self._alone:
            self._connection.close()

    def _prepare(self) -> None:
        self._connection.execute("PRAGMA journal_mode = WAL")
        # A kill loses nothing; a power cut may lose the last answers, and damages none.
        self._connection.execute("PRAGMA synchronous = NORMAL")
        (version,) = self._connection.execute("PRAGMA user_version").fetchone()
        if version not in (0, _VERSION):
            raise Damaged(self.path, f"has format {version}; expected {_VERSION}", _ADVICE)
        self._connection.execute(
            "CREATE TABLE IF NOT EXISTS answers (key TEXT PRIMARY KEY, answer TEXT NOT NULL, seal TEXT NOT NULL) "
            "WITHOUT ROWID"
        )
        self._connection.execute(f"PRAGMA user_version = {_VERSION}")

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    @contextmanager
    def _faults(self) -> Iterator[None]:
        """SQLite's errors as those of the house."""
        try:
            yield
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode == sqlite3.SQLITE_FULL:
                raise OSError(errno.ENOSPC, "No space left on device", str(self.path)) from None
            raise RunFailed(f"{self.path}: the cache of answers cannot be used: {error}") from None
        except sqlite3.DatabaseError as error:
            raise Damaged(self.path, f"is damaged: {error}", _ADVICE) from None


_ADVICE = "move it away; its answers are then asked for again"
