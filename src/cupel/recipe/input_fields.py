"""Fields that steps name: looked for in the input before anything is read in earnest."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa

from cupel.corpus.columns import TEXT_COLUMNS
from cupel.corpus.field_values import field_values
from cupel.corpus.files import InputFile, scan
from cupel.corpus.read import ReadOptions
from cupel.errors import BadInput, CupelError, UnknownSignal
from cupel.recipe.folder import Folder
from cupel.recipe.needs import LOOKED_AT, first_documents
from cupel.recipe.plan import Plan

__all__ = ["check_fields", "explaining_signals"]

_MAX_FILES = 100
"""With more files than this, only this many are inspected, evenly spread."""
_SHOWN_NAMES = 20
_MAX_NAMES = 10_000
_MAX_DEPTH = 8
_OWN = ("text", "id", "source", "url")
_ALWAYS = ("text", "id", "source")
"""Of web pages the text is there once they are extracted."""


@dataclass
class _Look:
    """What the first documents of some files have."""

    missing: dict[str, tuple[str, str]]
    """Field → label of the step that names it, and its advice; those that are found are taken out."""
    names: set[str] = field(default_factory=set)
    files: int = 0
    documents: bool = False

    def over(self, files: Sequence[InputFile], reading: ReadOptions) -> None:
        """Look until all are found."""
        step = max(1, -(-len(files) // _MAX_FILES))
        for file in files[::step]:
            if not self.missing:
                return
            self.files += 1
            batch = first_documents(file, reading)
            if batch is None:
                continue
            self.documents = True
            for name in list(self.missing):
                if name in batch.declared or _has(batch.documents, name):
                    del self.missing[name]
            if len(self.names) < _MAX_NAMES:
                self.names.update(batch.declared, _names_in(batch.documents))


def check_fields(
    plan: Plan, files: Sequence[InputFile], reading: ReadOptions, annotated: Collection[str] = ()
) -> None:
    """Refuse a pool in which no document has a field that a step cannot do without.

    Parameters
    ----------
    annotated
        Signals that the input carries; they are no fields.

    Raises
    ------
    BadInput
        None of the first documents of any file has it.
    """
    wanted: dict[str, tuple[str, str]] = {}
    for step in plan.recipe.steps:
        for name, advice in step.method.fields.items():
            if name not in _ALWAYS:
                wanted.setdefault(name, (step.label, advice))
    if plan.generators or not wanted:
        return  # what a generator writes may have it
    for name, (label, _) in wanted.items():
        if (signal := name.removeprefix("signals.")) in annotated and signal != name:
            raise BadInput(
                f"step '{label}': '{name}' is a signal of the run that wrote the input, and no field; "
                f"name the signal '{signal}' itself"
            )
    look = _Look(wanted)
    look.over(files, reading)
    if not look.missing or not look.documents:
        return  # an empty pool has no wrong documents
    name, (label, advice) = next(iter(look.missing.items()))
    advice = f"{advice}{' ' if advice.endswith('?') else '; '}" if advice else ""
    where = "the file" if len(files) == 1 else f"each of {look.files:,} files"
    raise BadInput(
        f"step '{label}': no document has the field '{name}' (looked at the first {LOOKED_AT:,} of {where}); "
        f"{_renamed(name, reading) or advice or _nearest(name, look.names)}fields: {_listed(look.names)}"
    )


@contextmanager
def explaining_signals(inputs: Sequence[str], reading: ReadOptions) -> Iterator[None]:
    """Where a plan fails for want of a signal, say whether the input has a field of that name."""
    try:
        yield
    except UnknownSignal as error:
        if not _input_has(error.signal, inputs, reading):
            raise
        advice = (
            f"but documents have a field of that name: write `field: {error.signal}` in place of `signal:`"
        )
        raise UnknownSignal(error.step, error.signal, advice=advice) from None


def _input_has(name: str, inputs: Sequence[str], reading: ReadOptions) -> bool:
    look = _Look({name: ("", "")})
    folders = [Folder(Path(place)) for place in inputs]
    places = [
        str(folder.data) if folder.manifest.is_file() else place
        for folder, place in zip(folders, inputs, strict=True)
    ]
    try:
        files = scan(places, io=reading.io, text_columns=reading.text_columns).files
        look.over(files, reading)
    except CupelError:
        return False  # the recipe is wrong either way, and that comes first
    return not look.missing


def _has(documents: pa.RecordBatch, name: str) -> bool:
    shown = field_values(documents, name).shown
    return bool(shown.null_count < len(shown))


def _names_in(documents: pa.RecordBatch) -> set[str]:
    """Names of all fields of these documents, those in objects with dots."""
    names = {name for name in _OWN if _has(documents, name)}
    for text in documents.column("metadata").to_pylist():
        names.update(_names_of(orjson.loads(text), "", 0))
    return names


def _names_of(value: Mapping[str, Any], before: str, depth: int) -> Iterator[str]:
    for name, inner in value.items():
        yield before + name
        if isinstance(inner, dict) and depth < _MAX_DEPTH:
            yield from _names_of(inner, f"{before}{name}.", depth + 1)


def _renamed(name: str, reading: ReadOptions) -> str:
    """What a column that is no field any more is called now."""
    for own in _OWN:
        column: Any = getattr(reading, f"{own}_column")
        columns = (column,) if isinstance(column, str) else column or ()
        if name in columns or (own == "text" and not columns and name in TEXT_COLUMNS):
            return f"it is read as the document's {own}: write '{own}'; "
    return ""


def _nearest(name: str, names: Collection[str]) -> str:
    close = difflib.get_close_matches(name, sorted(names), n=1, cutoff=0.5)
    # A name that is only nested deeper than was written is the likeliest of all.
    inner = sorted(known for known in names if known.endswith(f".{name}"))
    nearest = inner[:1] or close
    return f"did you mean '{nearest[0]}'? " if nearest else ""


def _listed(names: Collection[str]) -> str:
    listed = sorted(names)
    more = f" and {len(listed) - _SHOWN_NAMES:,} more" if len(listed) > _SHOWN_NAMES else ""
    return f"{', '.join(listed[:_SHOWN_NAMES])}{more}"
