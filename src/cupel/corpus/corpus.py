"""A corpus: documents that are read when asked for."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from cupel import _kernels
from cupel.corpus.extraction import extract_batch
from cupel.corpus.fields import CarriedFields
from cupel.corpus.files import InputFile, LeftOut, scan
from cupel.corpus.frames import Source, paths_of
from cupel.corpus.layouts import find_layout
from cupel.corpus.media_reader import MediaReader
from cupel.corpus.part_rows import to_row
from cupel.corpus.read import DOCUMENT_SCHEMA, DocumentBatch, Quarantined, ReadOptions, read_shard
from cupel.corpus.recognize import Recognized, recognize
from cupel.corpus.remote import IOOptions, local_path
from cupel.corpus.shards import Shard, plan_shards
from cupel.corpus.write import write_documents
from cupel.engine import daft, read_tables
from cupel.errors import BadInput, MissingExtra
from cupel.notebook import facts_html
from cupel.units import write_bytes

if TYPE_CHECKING:
    import pandas
    import polars
    from daft import DataFrame

__all__ = ["Corpus"]

_SCHEMA = pa.schema([field for field in DOCUMENT_SCHEMA if field.name != "html"])


class Corpus:
    """A lazily read table of documents.

    Made by `Corpus.read`. Only names, sizes, first bytes and digests are looked at until documents
    are asked for; then they stream. HTML pages come as their main text, which is empty where a page
    has none. Files that folders hold and that are not read are counted in `left_out`, by kind.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> _ = (folder / "pool.jsonl").write_text('{"text": "Café", "lang": "fr"}\\n{"text": "東京"\\n')
    >>> corpus = Corpus.read([folder])
    >>> corpus.to_arrow().select(["text", "source", "metadata"]).to_pylist()
    [{'text': 'Café', 'source': 'pool', 'metadata': '{"lang":"fr"}'}]
    >>> [(entry.position, entry.unit, entry.reason) for entry in corpus.quarantined()]
    [(2, 'line', 'invalid-json')]
    """

    def __init__(
        self,
        files: Sequence[InputFile],
        options: ReadOptions | None = None,
        *,
        extractors: Sequence[str] = ("resiliparse",),
        target_shard_bytes: int = 128 << 20,
        output: Path | None = None,
        left_out: Sequence[LeftOut] = (),
    ) -> None:
        self.files = list(files)
        self.left_out = tuple(left_out)
        self._options = options or ReadOptions()
        self._extractors = tuple(extractors)
        self._target = target_shard_bytes
        self._output = output
        self._quarantined: list[Quarantined] | None = None
        self._skipped: Counter[str] = Counter()

    @classmethod
    def read(
        cls,
        paths: Source | Sequence[Source],
        *,
        text_column: str | Sequence[str] | None = None,
        id_column: str | None = None,
        source_column: str | None = None,
        url_column: str | None = None,
        layout: str | None = None,
        format: str | None = None,
        exclude: Sequence[str] = (),
        extractors: Sequence[str] = ("resiliparse",),
        io: IOOptions | None = None,
        options: ReadOptions | None = None,
    ) -> Corpus:
        """A corpus of files, folders, globs, addresses, Hugging Face data set names, or tables in memory.

        A DataFrame, an Arrow table or a data set of the library `datasets` is written to the cache as Parquet.
        The folder of a finished run reads as its refined corpus, with `manifest` and `ledger`.

        Parameters
        ----------
        text_column, id_column, source_column, url_column
            Foreign names for these columns.
        layout
            The layout of conversations that all rows are in, such as `messages` or `alpaca`; by default, rows
            without a text column are in the one that fits their fields.
        format
            One of jsonl, json, parquet, arrow, csv, tsv, warc, arc, html, text, tar, zip for all files.
        exclude
            Glob patterns to leave out of folders.
        extractors
            For HTML pages, in order of preference: the first to find any text wins.
        io
            Settings for remote stores.
        options
            All other settings; those named above take precedence.

        Raises
        ------
        BadInput
            No such path, no permission, or nothing that can be read.
        UnknownName
            No layout has this name.
        """
        if layout is not None:
            find_layout(layout)
        named: dict[str, Any] = {
            "text_column": text_column,
            "id_column": id_column,
            "source_column": source_column,
            "url_column": url_column,
            "layout": layout,
            "io": io,
        }
        reading = replace(options or ReadOptions(), **{k: v for k, v in named.items() if v is not None})
        names = paths_of(paths)
        output = Path(names[0]) if len(names) == 1 and (Path(names[0]) / "manifest.json").is_file() else None
        if output is not None:
            names = [str(output / "data")]
        listing = scan(
            names, io=reading.io, format=format, exclude=exclude, text_columns=reading.text_columns
        )
        return cls(listing.files, reading, extractors=extractors, output=output, left_out=listing.left_out)

    @property
    def reading(self) -> ReadOptions:
        """How documents are read."""
        return self._options

    @property
    def schema(self) -> pa.Schema:
        """The columns of `to_arrow` and its like.

        `doc`, `id`, `text`, `source`, `url`, `path`, `position`, `metadata`, `parts`. Of a finished run that wrote
        Parquet, the columns of its data files: signals and the fields that documents came with among them. There
        `doc` is the key of the ledger.
        """
        tables = self._tables()
        return pq.read_schema(tables[0]) if tables else _SCHEMA

    @cached_property
    def shards(self) -> list[Shard]:
        """The units in which the corpus is read."""
        return plan_shards(self.files, target_bytes=self._target, io=self._options.io)

    def batches(self, fields: Mapping[str, pa.DataType] | None = None) -> Iterator[pa.RecordBatch]:
        """The documents, a few megabytes at a time, in order, in the same columns whatever they come from.

        `doc` is a document's place: of a finished run, its place in the input of that run, which is the key of
        `ledger`. Fields without a column of their own are in `metadata`, as JSON.

        Parameters
        ----------
        fields
            Fields of the documents that become columns of their own, after all others: bool, int64, uint64, double,
            large_string or a large_list of one of them. Null where a document has no such field; a value of another
            type stays in `metadata`.
        """
        quarantined: list[Quarantined] = []
        skipped: Counter[str] = Counter()
        for shard in self.shards:
            for batch, entries in _read(shard, self._options, self._extractors):
                quarantined += entries
                skipped.update(batch.skipped)
                documents = batch.documents
                if documents.num_rows:
                    if self._output is not None:
                        documents = _with_ledger_key(documents)
                    yield _with_fields(documents, fields) if fields else documents
        self._quarantined, self._skipped = quarantined, skipped

    def recognized(self) -> Recognized:
        """In which layouts the files are, by the first document of a few of them.

        Examples
        --------
        >>> import pathlib, tempfile
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "pool.jsonl"
        >>> _ = path.write_text('{"instruction": "Translate.", "output": "東京"}')
        >>> print(Corpus.read(path).recognized().sentence())
        layout 'alpaca'; --layout NAME names another
        """
        return recognize(self.files, self._options)

    def rows(self, layout: str | None = None) -> Iterator[dict[str, Any]]:
        """The documents as rows of the layouts that they came in, or of another; their parts become fields again.

        Cells of media hold bytes, which are read where they lie.

        Raises
        ------
        BadInput
            A document is a plain text, or a medium cannot be read.
        InputChanged
            A medium is not what it was when the corpus was read.
        LossyConversion
            The layout has no room for something that a document holds.
        UnknownName
            No layout has this name.

        Examples
        --------
        >>> import pathlib, tempfile
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "alpaca.jsonl"
        >>> _ = path.write_text('{"instruction": "Translate.", "input": "", "output": "東京", "lang": "ja"}')
        >>> corpus = Corpus.read(path)
        >>> list(corpus.rows())
        [{'instruction': 'Translate.', 'input': '', 'output': '東京', 'lang': 'ja'}]
        >>> next(corpus.rows("messages"))["messages"]
        [{'role': 'user', 'content': 'Translate.'}, {'role': 'assistant', 'content': '東京'}]
        """
        if layout is not None:
            find_layout(layout)
        with MediaReader(self._options.io) as media:
            for document in self._documents():
                yield to_row(document, layout, media)

    def _documents(self, declared: dict[str, set[str]] | None = None) -> Iterator[dict[str, Any]]:
        """Documents as Python values; notes the types of Parquet columns in `declared`."""
        for shard in self.shards:
            for batch, _ in _read(shard, self._options, self._extractors):
                if declared is not None:
                    for name, kinds in batch.declared.items():
                        declared.setdefault(name, set()).update(kinds)
                documents = batch.documents.select(["id", "source", "url", "metadata", "parts"])
                if self._output is not None:  # the run's own key is no field
                    metadata = CarriedFields({"doc": pa.int64()}, {}).split(documents.column("metadata"))[
                        "metadata"
                    ]
                    documents = documents.set_column(3, "metadata", metadata)
                yield from documents.to_pylist()

    def write(self, path: str | os.PathLike[str], layout: str | None = None) -> int:
        """Writes documents with parts in the layout that they came in, or in another; how many there were.

        The ending says what is written: `.tar` an archive of samples (WebDataset), `.jsonl` or `.parquet` rows (with
        media in the cells of Parquet), a name without an ending a new folder of images with captions beside them.
        Media are read where they lie. The path appears once it is whole.

        Parameters
        ----------
        layout
            Of rows; by default the one that each document came in.

        Raises
        ------
        BadInput
            A document is a plain text or has no media for such files, a medium cannot be read, or there is a folder of
            this name already.
        InputChanged
            A medium is not what it was when the corpus was read.
        LossyConversion
            There is no room for something that a document holds.
        UnknownName
            No layout has this name, or nothing is written with this ending.
        """
        exact = all(file.format == "parquet" for file in self.files)
        return write_documents(self._documents, Path(path), layout, exact=exact, io=self._options.io)

    def quarantined(self) -> list[Quarantined]:
        """What could not be read, and why; reads the corpus unless it has been read to the end already."""
        if self._quarantined is None:
            for _ in self.batches():
                pass
        return list(self._quarantined or [])

    def skipped(self) -> dict[str, int]:
        """Records that never are documents (requests, images …), by kind; reads the corpus as `quarantined` does."""
        self.quarantined()
        return dict(self._skipped)

    def count(self) -> int:
        """How many documents there are; reads all of them."""
        return sum(batch.num_rows for batch in self.batches())

    def to_arrow(self) -> pa.Table:
        """All documents in memory, in the columns of `schema`."""
        tables = self._tables()
        if tables:
            return pa.concat_tables(pq.ParquetFile(path).read() for path in tables)
        return pa.Table.from_batches(self.batches(), schema=_SCHEMA)

    def to_pandas(self) -> pandas.DataFrame:
        """All documents in memory, as pandas.

        Raises
        ------
        MissingExtra
            pandas is not installed.
        """
        if find_spec("pandas") is None:
            raise MissingExtra("to_pandas", "pandas")
        return self.to_arrow().to_pandas()

    def to_polars(self) -> polars.DataFrame:
        """All documents in memory, as Polars.

        Raises
        ------
        MissingExtra
            Polars is not installed.
        """
        try:
            import polars
        except ImportError:
            raise MissingExtra("to_polars", "polars") from None
        return polars.from_arrow(self.to_arrow())  # type: ignore[return-value]

    def to_daft(self) -> DataFrame:
        """A lazy Daft table of the columns of `schema`; each shard is one task, on the native runner and on Ray."""
        if self._output is not None and self._tables():
            return read_tables(self._output / "data")  # type: ignore[no-any-return]
        keyed = self._output is not None
        return _source(self.shards, self._options, self._extractors, keyed).read()

    def _tables(self) -> list[str]:
        """The data files of a finished run that wrote Parquet."""
        files = self.files if self._output is not None else []
        return (
            [local_path(file.path) for file in files]
            if all(file.format == "parquet" for file in files)
            else []
        )

    @property
    def manifest(self) -> dict[str, Any]:
        """The manifest of the run that wrote this corpus.

        Raises
        ------
        BadInput
            It was not read from the folder of a finished run.
        """
        manifest: dict[str, Any] = json.loads((self._folder() / "manifest.json").read_text("utf-8"))
        return manifest

    def ledger(self) -> DataFrame:
        """What became of every input document of the run that wrote this corpus, as a Daft table.

        Raises
        ------
        BadInput
            It was not read from the folder of a finished run.
        """
        return read_tables(self._folder() / "ledger")  # type: ignore[no-any-return]

    def _folder(self) -> Path:
        if self._output is None:
            raise BadInput("this corpus was not read from the folder of a finished run")
        return self._output

    def __repr__(self) -> str:
        size = sum(file.bytes for file in self.files)
        return f"Corpus({len(self.files)} files, {size / 1e6:.1f} MB stored)"

    def _repr_html_(self) -> str:
        formats = Counter(file.format for file in self.files)
        facts = [
            ("files", ", ".join(f"{count:,} {format}" for format, count in formats.most_common())),
            ("stored", write_bytes(sum(file.bytes for file in self.files))),
            ("columns", ", ".join(self.schema.names)),
            *((f"left out: {kind.kind}", f"{kind.files:,}") for kind in self.left_out),
        ]
        return facts_html("Corpus", facts, subtitle=str(self._output or ""))


def _read(
    shard: Shard, options: ReadOptions, extractors: Sequence[str]
) -> Iterator[tuple[DocumentBatch, list[Quarantined]]]:
    """Batches whose pages are turned into text, each with all that was put aside."""
    for batch in read_shard(shard, options):
        entries = list(batch.quarantined)
        documents = batch.documents
        if documents.column("html").null_count < documents.num_rows:
            texts, errors = extract_batch(documents, extractors)
            empty = pa.scalar("", pa.large_string())
            nonempty = [pc.if_else(pc.equal(column, empty), None, column) for column in texts]
            text = pc.coalesce(*nonempty, empty)
            entries += [error for error in errors if error is not None]
            index = documents.schema.get_field_index("text")
            documents = documents.set_column(index, "text", pc.cast(text, pa.large_string()))
            documents = documents.filter(pa.array([error is None for error in errors], pa.bool_()))
        yield replace(batch, documents=documents.select(_SCHEMA.names)), entries


def _with_ledger_key(documents: pa.RecordBatch) -> pa.RecordBatch:
    """Documents of a finished run: their `doc` is the one that it wrote, not their place among its files."""
    split = CarriedFields({"doc": pa.int64()}, {}).split(documents.column("metadata"))
    split["doc"] = pc.coalesce(split["doc"], documents.column("doc"))  # a table of others has none
    for name in ("doc", "metadata"):
        place = documents.schema.get_field_index(name)
        documents = documents.set_column(place, documents.schema.field(place), split[name])
    return documents


def _with_fields(documents: pa.RecordBatch, fields: Mapping[str, pa.DataType]) -> pa.RecordBatch:
    """Documents with columns of these fields."""
    place = documents.schema.get_field_index("metadata")
    *columns, rest = _kernels.split_fields(
        documents.column(place), list(fields), list(fields.values())
    ).columns
    documents = documents.set_column(place, documents.schema.field(place), rest)
    for name, column in zip(fields, columns, strict=True):
        documents = documents.append_column(name, column)
    return documents


def _source(shards: Sequence[Shard], options: ReadOptions, extractors: Sequence[str], keyed: bool) -> Any:
    """The corpus as Daft reads it; `keyed` if a finished run wrote it, with keys of its own."""
    module = daft()
    from daft.io.source import DataSource, DataSourceTask
    from daft.recordbatch import RecordBatch

    schema = module.Schema.from_pyarrow_schema(_SCHEMA)

    class ShardTask(DataSourceTask):  # type: ignore[misc]
        def __init__(self, shard: Shard) -> None:
            self._shard = shard

        @property
        def schema(self) -> Any:
            return schema

        async def read(self) -> AsyncIterator[Any]:
            for batch, _ in _read(self._shard, options, extractors):
                if batch.documents.num_rows:
                    documents = _with_ledger_key(batch.documents) if keyed else batch.documents
                    yield RecordBatch.from_arrow_record_batches([documents], _SCHEMA)

    class ShardSource(DataSource):  # type: ignore[misc]
        @property
        def name(self) -> str:
            return "cupel corpus"

        @property
        def schema(self) -> Any:
            return schema

        async def get_tasks(self, pushdowns: Any) -> AsyncIterator[ShardTask]:
            for shard in shards:
                yield ShardTask(shard)

    return ShardSource()
