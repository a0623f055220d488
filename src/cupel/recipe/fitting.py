"""A method fitted outside of a run: its artifact is named in recipes, and used by them as it is."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from cupel.contract import (
    NO_DOCUMENTS,
    Documents,
    Fitted,
    Resources,
    find_method,
    is_whole,
    learn,
    methods_of,
    read_about,
)
from cupel.corpus import Corpus
from cupel.corpus.frames import Source, paths_of
from cupel.corpus.read import ReadOptions
from cupel.engine import Engine
from cupel.errors import BadInput, BadOption, UnknownName
from cupel.findings import Page, Section
from cupel.models.budget import Usage
from cupel.recipe.asking import Asking, stop_asking, used
from cupel.recipe.folder import disk_errors
from cupel.release import version
from cupel.store import Store, deliver, digest_json, refuse_foreign

__all__ = ["FittedArtifact", "fit"]


@dataclass(frozen=True)
class FittedArtifact:
    """What a method learned.

    Attributes
    ----------
    method
        What was fitted.
    folder
        Of the artifact.
    about
        What `about.json` there holds: learner, version, options, digests of what it was learned from and of its files,
        how good it is.
    usage
        What requests to models took in this call; none where what was learned came from the cache.
    """

    method: str
    folder: Path
    about: Mapping[str, Any]
    usage: Usage = field(default_factory=Usage)

    def page(self) -> Page:
        """What there is to look at, as data."""
        return Page(
            title=f"Fitted {self.method}",
            subtitle=str(self.folder),
            sections=tuple(Section.model_validate(section) for section in self.about["findings"]),
        )


def fit(
    method: str,
    *,
    output: str | Path,
    input: Source | Sequence[Source] = (),
    options: Mapping[str, Any] | None = None,
    reading: ReadOptions | None = None,
    engine: Engine | None = None,
    cache: Store | None = None,
    asking: Asking | None = None,
    restart: bool = False,
) -> FittedArtifact:
    """Fit a method and write its artifact.

    Parameters
    ----------
    method
        Name of a fitted method.
    output
        Folder of the artifact, to be named in a recipe as the method's option `artifact`.
    input
        Pools to learn from, paths or tables as `refine` takes them, where the method learns from a corpus.
    options
        Of the method.
    reading
        How documents are read.
    engine
        How many cores and how much memory may be used.
    cache
        Where what was learned is kept: the same call takes it from there.
    asking
        What models may cost, and how many requests wait at once, where the method asks one. Answers are kept in the
        cache.
    restart
        Replace another artifact in `output`.

    Raises
    ------
    UnknownName
        No such method or option.
    BadOption
        The method learns nothing, or pools are named that it does not learn from.
    BadInput
        There is nothing, or too little, to learn from.
    OutputInUse
        The folder holds something else.
    BudgetSpent
        The budget of requests to a model is spent; the same call resumes with the answers that it has.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import cupel
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> _ = (folder / "clean.jsonl").write_text('{"text": "Café in 東京"}')
    >>> fitted = cupel.fit("ngram-perplexity", input=[folder / "clean.jsonl"], output=folder / "ngrams")
    >>> fitted.about["options"]["order"]
    5
    """
    fitted = _fitted(method, options or {})
    folder = Path(output)
    documents = NO_DOCUMENTS
    pools = paths_of(input, cache=cache)
    if fitted.reads_corpus:
        if not pools:
            raise BadInput(f"{method}: learns from documents; name a pool")
        documents = _Pool(Corpus.read(pools, options=reading))
    elif pools:
        raise BadOption(f"{method}: learns only from what its options name, and not from {', '.join(pools)}")
    key = fitted.key(documents)
    refuse_foreign(folder, read_about, "artifact")
    machine, store = engine or Engine(), cache or Store.of()
    usages: list[Usage] = []

    def build(unfinished: Path) -> None:
        with tempfile.TemporaryDirectory(prefix="cupel-fit-") as scratch, used() as own:
            ask = (asking or Asking()).asker(Path(scratch), store.folder)
            resources = Resources(scratch, machine.memory_bytes(), machine.parallelism(), ask=ask)
            try:
                learn(fitted, documents, unfinished, resources)
            finally:
                stop_asking(Path(scratch))
                usages.extend(own)

    with disk_errors(store.folder):
        learned = store.make(key, build, whole=is_whole)
        store.trim()
    with disk_errors(folder):
        deliver(
            learned,
            folder,
            is_there=lambda: is_whole(folder) and read_about(folder) == read_about(learned),
            holds="what was learned from something else, or with other options",
            restart=restart,
        )
    return FittedArtifact(method, folder, read_about(folder), sum(usages, Usage()))


def _fitted(name: str, options: Mapping[str, Any]) -> Fitted:
    method = find_method(name)
    if not issubclass(method, Fitted):
        able = sorted(key for key, known in methods_of(Fitted).items())
        raise UnknownName("fitted method", name, able)
    if "artifact" in options:
        raise BadOption(f"{name}: 'artifact' is what is made here; it goes into a recipe")
    fitted = method.from_options(options)
    if not fitted.is_fitted:
        raise BadOption(f"{name}: learns nothing with these options; {fitted.unfitted}")
    return fitted


class _Pool(Documents):
    """A corpus to learn from."""

    def __init__(self, corpus: Corpus) -> None:
        self.corpus = corpus

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        return self.corpus.batches()

    @property
    def digest(self) -> str:
        files = [[file.relative, file.bytes, file.digest] for file in self.corpus.files]
        return digest_json([version(), files, repr(self.corpus.reading)])

    @cached_property
    def text_bytes(self) -> int:
        return sum(pc.sum(pc.binary_length(batch.column("text"))).as_py() or 0 for batch in self)
