"""Which layouts the files of a pool are in, by the first document of a few of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from typing import cast

from cupel.corpus.files import InputFile
from cupel.corpus.parts import parts_of
from cupel.corpus.read import DocumentBatch, ReadOptions, read_shard
from cupel.corpus.shards import FilePart, Shard
from cupel.errors import BadInput, InputChanged, RunFailed

__all__ = ["Recognized", "recognize"]

PLAIN = "plain text"
_MAX_FILES = 16


@dataclass(frozen=True)
class Recognized:
    """What a few files of a pool hold.

    Attributes
    ----------
    layouts
        Layout, or `plain text`, → number of files; the most common first.
    files
        How many the pool has.
    """

    layouts: dict[str, int]
    files: int

    def sentence(self) -> str:
        """What was recognized, and what to do if it is wrong.

        Examples
        --------
        >>> print(Recognized({"alpaca": 15, "plain text": 1}, 120).sentence())
        16 of 120 files looked at: layout 'alpaca' in 15, plain text in 1; --layout NAME names one for all rows
        >>> print(Recognized({"messages": 1}, 1).sentence())
        layout 'messages'; --layout NAME names another
        """
        names = [name if name == PLAIN else f"layout '{name}'" for name in self.layouts]
        if not names:
            return "no documents at the beginning of the files looked at"
        if self.files == 1:
            return names[0] if names == [PLAIN] else f"{names[0]}; --layout NAME names another"
        looked_at = sum(self.layouts.values())
        counts = ", ".join(
            f"{name} in {'all' if len(names) == 1 else count}"
            for name, count in zip(names, self.layouts.values(), strict=True)
        )
        advice = "" if names == [PLAIN] else "; --layout NAME names one for all rows"
        return f"{looked_at} of {self.files} files looked at: {counts}{advice}"


def recognize(files: Sequence[InputFile], options: ReadOptions) -> Recognized:
    """The layouts of the first documents of up to 16 files, spread evenly over all of them.

    Files that cannot be read, or hold no documents, do not count: reading them says why.
    """
    step = max(1, -(-len(files) // _MAX_FILES))
    layouts: Counter[str] = Counter(
        layout for file in files[::step] if (layout := _first_layout(file, options)) is not None
    )
    return Recognized(dict(layouts.most_common()), len(files))


def _first_layout(file: InputFile, options: ReadOptions) -> str | None:
    shard = Shard(0, (FilePart(file),), file.bytes)
    batches = cast(Generator[DocumentBatch], read_shard(shard, replace(options, batch_rows=1)))
    try:
        for batch in batches:
            if batch.documents.num_rows:
                parts = parts_of(batch.documents.column("parts")[0].as_py())
                return PLAIN if parts is None else str(parts[0].details.get("layout"))
    except (BadInput, InputChanged, RunFailed):
        pass
    finally:
        batches.close()
    return None
