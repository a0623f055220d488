"""Where each JSON value of a stream begins and ends."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

__all__ = ["EXCERPT_BYTES", "Value", "ValueSplitter"]

EXCERPT_BYTES = 400
"""What is kept of a value that is too large."""

# A whole string, a bracket, or the beginning of a string that does not end here.
_TOKENS = re.compile(rb'"[^"\\\n]*+(?:\\[^\n][^"\\\n]*+)*+"|[{}\[\]"]', re.DOTALL)
_STRING = re.compile(rb'["\\\n]')
_NOT_SPACE = re.compile(rb"\S")
_AFTER_STRING = (b'"', b"{", b"}", b"[", b"]", b",")
_BETWEEN = re.compile(rb"[^\s,\x1e]")
_SCALAR_END = re.compile(rb"[\n,{\[\]\x1e]")


class Value(NamedTuple):
    """One value at the top level of a file, or in its array.

    `data` is its text, or the beginning of it if it is too large; `size` its length in bytes.
    `whole` is false for a value cut off by the end of the file, `sound` for one that cannot be JSON
    because a string in it holds a line feed.
    """

    data: bytes
    size: int
    whole: bool = True
    sound: bool = True


class ValueSplitter:
    """Cuts a stream of bytes into JSON values without parsing them.

    Examples
    --------
    >>> splitter = ValueSplitter(1000)
    >>> [value.data for value in splitter.feed(b'[{"a": "]"}, {"b":')]
    [b'{"a": "]"}']
    >>> [value.data for value in splitter.feed(b' [1]}]')], splitter.finish()
    ([b'{"b": [1]}'], None)
    """

    def __init__(self, limit: int) -> None:
        self.in_array = False
        self._limit = limit
        self._mode = "between"  # or "nested", "string", "scalar", "comment"
        self._depth = 0
        self._escaped = False
        self._broken_line = False
        self._sound = True
        self._parts: list[bytes] = []
        self._size = 0

    def feed(self, data: bytes) -> Iterator[Value]:
        """The values that end in `data`, which continues what was fed earlier."""
        at = start = 0
        while at < len(data):
            if self._mode == "between":
                start = at = self._begin(data, at)
                continue
            at, ended = self._continue(data, at)
            if ended:
                yield self._take(data[start:at])
                start = at
        if self._mode != "between":
            self._hold(data[start:])

    def finish(self) -> Value | None:
        """What is left at the end of the file: a value without its end, if any."""
        if self._mode == "between":
            return None
        whole = self._mode in ("scalar", "comment")
        return self._take(b"")._replace(whole=whole)

    def _begin(self, data: bytes, at: int) -> int:
        """Moves to where the next value begins; enters or leaves the file's array."""
        match = _BETWEEN.search(data, at)
        if match is None:
            return len(data)
        sign = match.group()
        if sign == b"[" and not self.in_array:
            self.in_array = True
            return match.end()
        if sign == b"]" and self.in_array:
            self.in_array = False
            return match.end()
        opens = sign in (b"{", b"[")
        self._mode = "nested" if opens or sign == b'"' else "comment" if sign in (b"#", b"/") else "scalar"
        self._depth = 0
        return match.start()

    def _continue(self, data: bytes, at: int) -> tuple[int, bool]:
        """Where in `data` the current value ends, and whether it does."""
        if self._mode == "string":
            return self._in_string(data, at)
        if self._mode == "comment":
            end = data.find(b"\n", at)
            return self._end(end, data)
        if self._mode == "scalar":
            # Its first byte may itself be one at which scalars end.
            match = _SCALAR_END.search(data, at + (not self._size))
            return self._end(match.start() if match else -1, data)
        for token in _TOKENS.finditer(data, at):
            sign = data[token.start()]
            if sign == 0x22:
                if token.end() == token.start() + 1:
                    self._mode = "string"
                    return token.end(), False
            else:
                self._depth += 1 if sign in b"{[" else -1
            if self._depth <= 0:
                return self._end(token.end(), data)
        return len(data), False

    def _in_string(self, data: bytes, at: int) -> tuple[int, bool]:
        if self._escaped:
            self._escaped = False
            at += 1
        while at < len(data):
            if self._broken_line:
                # The line feed is an error: either it is inside the string, or the string has no end.
                match = _NOT_SPACE.search(data, at)
                if match is None:
                    return len(data), False
                self._broken_line = False
                at = match.start()
                if match.group() in _AFTER_STRING:
                    self._mode = "nested"
                    return at, False
            match = _STRING.search(data, at)
            if match is None:
                return len(data), False
            if match.group() == b"\\":
                self._escaped = match.end() == len(data)
                at = match.end() + 1
                continue
            self._sound &= match.group() == b'"'
            if match.group() == b'"' or self._depth == 0:
                self._mode = "nested"
                return self._end(match.end(), data) if self._depth == 0 else (match.end(), False)
            self._broken_line = True
            at = match.end()
        return len(data), False

    def _end(self, end: int, data: bytes) -> tuple[int, bool]:
        return (end, True) if end >= 0 else (len(data), False)

    def _hold(self, part: bytes) -> None:
        self._size += len(part)
        if self._size <= self._limit:
            self._parts.append(part)
        elif len(self._parts) != 1 or len(self._parts[0]) > EXCERPT_BYTES:
            self._parts = [b"".join([*self._parts, part[:EXCERPT_BYTES]])[:EXCERPT_BYTES]]

    def _take(self, part: bytes) -> Value:
        self._hold(part)
        value = Value(b"".join(self._parts), self._size, sound=self._sound)
        self._escaped = self._broken_line = False
        self._parts, self._size, self._mode, self._sound = [], 0, "between", True
        return value
