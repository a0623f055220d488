"""A tokenized corpus on disk: memory-mapped tokens, and where each document begins."""

from __future__ import annotations

import json
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cupel.errors import BadInput

__all__ = ["TokenStore"]


class TokenStore:
    """The tokens of one arm, document after document, each closed by the end-of-text token. What is called a
    document here is a piece of one where documents are long: pieces of one have the same id.

    Files of the folder: `tokens.bin` (uint16 or uint32, little endian), `offsets.bin` (uint64, one more
    than there are documents), `weights.bin` (float64, where documents weigh differently), `mask.bin` (one byte per token,
    1 where its loss counts; only where some do not), `ids.bin` and `id_offsets.bin` (the documents' ids, UTF-8),
    `meta.json`. All are mapped, none is read whole.

    Raises
    ------
    BadInput
        The folder holds no tokens, or files whose sizes do not fit each other.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            self.meta: dict[str, Any] = json.loads((folder / "meta.json").read_text())
            self.documents: int = self.meta["documents"]
            self.ordered: bool = self.meta.get("ordered", False)
            tokens, weighed = self.meta["tokens"], self.meta["weighed"]
            masked: bool = self.meta.get("masked", False)
            kind = np.dtype(self.meta["dtype"]).str
        except (OSError, ValueError) as error:
            raise BadInput(f"{folder} holds no tokens: {error}") from None
        except (KeyError, TypeError, AttributeError):
            raise BadInput(
                f"{folder}/meta.json does not describe tokens; delete the folder to make it again"
            ) from None
        self.tokens = self._map("tokens.bin", kind, tokens)
        self.offsets = self._map("offsets.bin", "<u8", self.documents + 1)
        self.weights = self._map("weights.bin", "<f8", self.documents) if weighed else None
        self.mask = self._map("mask.bin", "|b1", tokens) if masked else None

    @classmethod
    def is_whole(cls, folder: Path) -> bool:
        """Whether `folder` holds tokens and ids that can be read."""
        try:
            cls(folder)._ids  # noqa: B018 - maps the ids, which otherwise are mapped on demand
        except BadInput:
            return False
        return True

    def _map(self, name: str, dtype: str, length: int) -> NDArray[Any]:
        path, kind = self.folder / name, np.dtype(dtype)
        size = path.stat().st_size if path.is_file() else -1
        if size != length * kind.itemsize:
            raise BadInput(
                f"{path}: {size} bytes, expected {length * kind.itemsize}; delete the folder to make it again"
            )
        return np.memmap(path, kind, "r", shape=(length,)) if length else np.empty(0, kind)

    @cached_property
    def _ids(self) -> tuple[NDArray[Any], NDArray[Any]]:
        offsets = self._map("id_offsets.bin", "<u8", self.documents + 1)
        return offsets, self._map("ids.bin", "|u1", int(offsets[-1]))

    def id(self, document: int) -> str:
        """The id of a document, by its number."""
        offsets, letters = self._ids
        return bytes(letters[int(offsets[document]) : int(offsets[document + 1])]).decode()

    def owners(self, end_of_text: int) -> NDArray[np.int64]:
        """Of each piece the document that it is of, counted from 0; `end_of_text` closes the last of each."""
        closing = self.tokens[self.offsets[1:].astype(np.int64) - 1] == end_of_text
        return np.cumsum(closing) - closing

    def beginning(self, document: int, end_of_text: int) -> int:
        """Where the tokens of a whole document begin, counted as `owners` does."""
        return int(self.offsets[np.searchsorted(self.owners(end_of_text), document)])

    def document(self, number: int) -> NDArray[Any]:
        """The tokens of one document, its end-of-text token included."""
        return self.tokens[self._range(number)]

    def counts(self, number: int) -> NDArray[np.bool_]:
        """Of each token of one document whether its loss counts."""
        part = self._range(number)
        return np.ones(part.stop - part.start, bool) if self.mask is None else self.mask[part]

    def _range(self, number: int) -> slice:
        return slice(int(self.offsets[number]), int(self.offsets[number + 1]))
