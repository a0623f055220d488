"""The contract: what a method is, what it says of itself, and how it is found.

A method is one class in one file of a method room (`signals/`, `edits/`, `dedup/`), or
one YAML file in `rules/`. It is found by being there; nothing registers it. Third
parties add theirs through the `cupel.methods` entry point, which names a module.

The class docstring is the method's documentation page. Its first line is the title.
"""

from __future__ import annotations

import hashlib
import importlib
import inspect
import pkgutil
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, ValidationError

from cupel.errors import BadOption, UnknownName
from cupel.findings import Section

__all__ = [
    "Clusters",
    "Column",
    "Dedup",
    "Edit",
    "Edited",
    "Extractor",
    "KernelSignal",
    "Method",
    "Need",
    "Options",
    "Paper",
    "Signal",
    "Sketches",
    "WEIGHTLESS",
    "all_methods",
    "find_method",
]

Kind = Literal["signal", "rules", "edit", "extractor", "dedup"]

WEIGHTLESS = float("-inf")
"""The priority of a document of weight 0: it stays only where no other document of its cluster can."""

# Rooms that hold methods, and the module attribute under which a room may offer more
# (rules/ reads its YAML files this way).
_ROOMS = ("cupel.corpus.extraction", "cupel.signals", "cupel.rules", "cupel.edits", "cupel.dedup")


@dataclass(frozen=True)
class Paper:
    """Where a method comes from."""

    title: str
    authors: str
    year: int
    url: str
    section: str = ""


@dataclass(frozen=True)
class Column:
    """One typed value per document: its Arrow type, unit and meaning."""

    type: pa.DataType
    unit: str
    meaning: str


class Options(BaseModel):
    """Base of every method's options: frozen, and no name passes unnoticed."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Method(ABC):
    """What all methods share: a name, a card, options."""

    kind: ClassVar[Kind]
    name: ClassVar[str]
    """Kebab-case, unique over all kinds; what a recipe and the command line say."""
    papers: ClassVar[tuple[Paper, ...]] = ()
    cost: ClassVar[str] = ""
    """What it costs, with a unit, as measured by `make bench`."""
    limits: ClassVar[str] = ""
    """When not to use it, and what it gets wrong."""
    files: ClassVar[tuple[str, ...]] = ()
    """Options that may name files or folders; their content decides the result, whatever they are called."""

    class Options(Options):
        """This method has no options."""

    options: Options

    def __init__(self, options: Options | None = None) -> None:
        self.options = options if options is not None else self.Options()

    @classmethod
    def from_options(cls, given: Mapping[str, Any], where: str = "") -> Self:
        """The method with `given` options, checked.

        Raises
        ------
        UnknownName
            An option that this method does not have.
        BadOption
            A value of the wrong type or out of range.
        """
        known = cls.Options.model_fields
        place = f"{where}{': ' if where else ''}{cls.name}"
        for name in given:
            if name not in known:
                raise UnknownName("option", name, known, where=place)
        try:
            return cls(cls.Options.model_validate(dict(given)))
        except ValidationError as error:
            first = error.errors()[0]
            option = ".".join(str(part) for part in first["loc"])
            if not option:
                # Options that do not go together; the sentence names them.
                raise BadOption(f"{place}: {first['ctx']['error']}") from None
            raise BadOption(
                f"{place}: option '{option}' is {first['input']!r}: {first['msg'].lower()}"
            ) from None

    @cached_property
    def file_digests(self) -> dict[str, str]:
        """A hash of the content of every file that the options name, by its path; folders with all below them."""
        digests = {}
        for option in self.files:
            named = getattr(self.options, option)
            for path in (named,) if isinstance(named, str) else named or ():
                # An empty name is none, and not the working folder.
                if path and (digest := _content_digest(Path(path))) is not None:
                    digests[path] = digest
        return digests

    def notice(self) -> str:
        """A sentence that whoever runs this method with these options should read once; empty: there is none."""
        return ""

    @classmethod
    def title(cls) -> str:
        """The first line of the docstring, without its full stop."""
        return (inspect.getdoc(cls) or cls.name).splitlines()[0].rstrip(".")


def _content_digest(path: Path) -> str | None:
    """blake2b of a file, or of the names and contents of all files below a folder; None where nothing is."""
    if not path.exists():
        return None
    content = hashlib.blake2b(digest_size=16)
    for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
        if file.is_file():
            content.update(file.relative_to(path).as_posix().encode() + b"\x00")
            with file.open("rb") as data:
                content.update(hashlib.file_digest(data, "blake2b").digest())
    return content.hexdigest()


class Signal(Method):
    """A pure function document → typed columns. It measures and never decides."""

    kind = "signal"
    columns: ClassVar[Mapping[str, Column]]
    needs: ClassVar[tuple[str, ...]] = ("text",)
    """Which document columns it reads: text, url, source, metadata."""

    @abstractmethod
    def measure(self, documents: pa.RecordBatch) -> pa.RecordBatch:
        """The signal's columns, one row per document, in the same order."""


class KernelSignal(Signal):
    """A signal family that the Rust kernel measures; all families share one pass over the text.

    A family declares its columns and, through `kernel_options`, how the kernel is to
    measure them. The planner asks the kernel once for all families of a step.
    """

    def kernel_options(self) -> dict[str, Any]:
        """Keyword arguments for `cupel._kernels.measure`; families of one step must agree."""
        return {}

    def measure(self, documents: pa.RecordBatch) -> pa.RecordBatch:
        from cupel import _kernels

        found = _kernels.measure(documents.column("text"), list(self.columns), **self.kernel_options())
        return pa.record_batch(found)


@dataclass(frozen=True)
class Edited:
    """What an edit gives back: the new text, and what it counted while editing."""

    text: pa.Array
    columns: Mapping[str, pa.Array] = field(default_factory=dict)


class Edit(Method):
    """A pure function document → document."""

    kind = "edit"
    columns: ClassVar[Mapping[str, Column]] = {}
    """What it counts per document; rules may use these like signals."""
    needs: ClassVar[tuple[str, ...]] = ("text",)

    @abstractmethod
    def edit(self, documents: pa.RecordBatch) -> Edited:
        """The edited text, one row per document, in the same order."""


class Extractor(Method):
    """A pure function HTML → main text."""

    kind = "extractor"

    @abstractmethod
    def extract(self, html: str) -> str:
        """The main text of one decoded page; an empty string where there is none."""


@dataclass(frozen=True)
class Sketches:
    """What `Dedup.sketch` gave for every document of the corpus, read back lazily.

    Attributes
    ----------
    read
        `read(columns)` gives one Arrow table with the columns asked for, plus nothing else,
        of all documents still alive, in document order. Column `doc` (int64) is the
        document's position in the input: files in sorted order, then rows. Column
        `priority` (float64) decides survivors: the highest stays, then the lowest `doc`. It is
        `WEIGHTLESS` for documents of weight 0.
    batches
        `batches(columns)` streams the same, a record batch at a time, in document order; with
        the option `sources`, those of the first source first; documents of weight 0 after all others.
    texts
        `texts(docs)` streams record batches (`doc` int64, `text` large_string) of the asked
        documents, in document order, without ever holding all of them; None asks for all, in
        the order of `batches`.
    ids, sources
        `ids(docs)` and `sources(docs)` give the id and the source of each document asked for.
    scratch
        A folder for temporary files, removed afterwards.
    memory_bytes, threads
        What may be used; the result depends on neither.
    corpus
        Digest of the input: what this corpus is called in an index.
    remembered
        A file to write to what an index is to remember of these documents; it goes to its place when
        the run is finished.
    """

    read: Callable[[list[str]], pa.Table]
    batches: Callable[[list[str]], Iterator[pa.RecordBatch]]
    texts: Callable[[pa.Array | None], Iterator[pa.RecordBatch]]
    ids: Callable[[pa.Array], pa.Array]
    sources: Callable[[pa.Array], pa.Array]
    scratch: str
    memory_bytes: int = 1 << 30
    threads: int = 1
    corpus: str = ""
    remembered: str = ""


@dataclass(frozen=True)
class Clusters:
    """Duplicates found: one table for every kind.

    Attributes
    ----------
    members
        Sorted by `doc`, at most one row per document.

        - Where documents are found: `doc` int64, `cluster` int64 (the survivor's `doc`), `size`
          int64, `kept` bool, and where the method has one `score` float64 (similarity to the
          survivor, or what the method says `score` is); only clusters of two or more, of each exactly
          one row kept. With the action `mark`, a method that `scores` gives a row for every
          document: of those without a duplicate `cluster` is null and `size` 1. `reason`, where
          documents of one step go for different reasons.
        - Where parts are found: `doc`, `spans` (byte ranges of the text, ascending and apart),
          `cluster` (a document that one of them stood in before; the document itself where the
          method cannot tell), `size` (how many), `score` (the share of the text, or of what was looked
          for), `kept` (false: the document goes whole, whatever the share).
        - Where weights are found: `doc`, `score` (what the weight follows from), `weight` float64;
          `cluster` null, `size` 1, `kept` true.
    findings
        What to show of it: the S-curve, alarms, the biggest clusters.
    stop
        What is so much that nobody should go on unasked: the run stops until it is told to accept.
    outside
        What `members` name as their cluster and is no document of this corpus (documents of earlier
        corpora, items of evaluation sets): `doc` (negative) and `id`.
    """

    members: pa.Table
    findings: tuple[Section, ...] = ()
    stop: tuple[str, ...] = ()
    outside: pa.Table | None = None


@dataclass(frozen=True)
class Need:
    """What finding the duplicates of a corpus takes, as far as can be told before.

    Attributes
    ----------
    memory_bytes
        The most that is held at once. A method that finds less to be free goes to disk or says no.
    scratch_bytes
        Temporary files.
    """

    memory_bytes: int
    scratch_bytes: int = 0


class Dedup(Method):
    """Corpus → clusters of duplicates → which one stays."""

    kind = "dedup"
    finds: ClassVar[Literal["documents", "spans", "weights"]] = "documents"
    """Whole documents that are duplicates, copied parts of documents, or how much a document counts."""
    reason: ClassVar[str] = "duplicate"
    """What the ledger says of a document that goes because another one stays."""
    scores: ClassVar[bool] = False
    """Whether every document has a score, whichever clusters there are: `mark` adds it as a column."""
    names_origin: ClassVar[bool] = False
    """Copied parts come from something with a name, which `mark` carries as the column `survivor`."""
    roles: ClassVar[tuple[str, str]] = ("stays", "copy")
    """What a list of clusters calls the one that the others are like, and what it calls these."""
    needs: ClassVar[tuple[str, ...]] = ("text",)
    """Which document columns `sketch_documents` reads."""

    @property
    def limit(self) -> str:
        """What a document would have had to be to stay, as the ledger says it."""
        return "first of its cluster"

    @abstractmethod
    def sketch(self, text: pa.Array) -> pa.RecordBatch:
        """What is needed of each document to find its duplicates; a few bytes a document."""

    def sketch_documents(self, documents: pa.RecordBatch) -> pa.RecordBatch:
        """The sketch of each document, where its text alone does not do."""
        return self.sketch(documents.column("text"))

    def need(self, documents: int, text_bytes: int) -> Need:
        """What `resolve` will take for so many documents with so much text."""
        return Need(memory_bytes=64 * documents)

    @abstractmethod
    def resolve(self, sketches: Sketches) -> Clusters:
        """The clusters of the whole corpus."""


@cache
def all_methods() -> Mapping[str, type[Method]]:
    """Every method there is, by name, sorted: ours and those of installed packages."""
    found: dict[str, type[Method]] = {}
    modules = []
    for room in _ROOMS:
        package = importlib.import_module(room)
        modules.append(package)
        modules += [
            importlib.import_module(f"{room}.{info.name}")
            for info in pkgutil.iter_modules(package.__path__)
            if not info.name.startswith("_")
        ]
    modules += [entry.load() for entry in entry_points(group="cupel.methods")]
    for module in modules:
        offered = getattr(module, "methods", None)
        classes = offered() if callable(offered) else vars(module).values()
        for item in classes:
            if inspect.isclass(item) and issubclass(item, Method) and "name" in vars(item):
                known = found.setdefault(item.name, item)
                if known is not item:
                    raise BadOption(
                        f"two methods are called '{item.name}': {known.__module__} and {item.__module__}"
                    )
    return dict(sorted(found.items()))


def find_method(name: str, kind: Kind | None = None, where: str = "") -> type[Method]:
    """The method called `name`.

    Raises
    ------
    UnknownName
        With the nearest name there is.
    """
    known = {key: m for key, m in all_methods().items() if kind is None or m.kind == kind}
    if name not in known:
        raise UnknownName(kind or "method", name, known, where=where)
    return known[name]
