"""Exact deduplication, on normalized text or on fields."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from cupel import _kernels
from cupel.contract import WEIGHTLESS, Clusters, ComparesKeys, Dedup, Need, Paper, Remembers, Resources, View
from cupel.contract.docs import among
from cupel.corpus.field_values import field_values
from cupel.deduplication.clusters.losses import too_much
from cupel.deduplication.clusters.options import ClusterOptions
from cupel.deduplication.clusters.report import cluster_blocks, seen_before
from cupel.deduplication.clusters.survivors import keep_one, one_array
from cupel.deduplication.index import Index
from cupel.findings import Block, Facts, Prose, Section

__all__ = ["Exact"]


class Exact(Dedup):
    """Exact duplicates, on normalized text or on fields.

    Two documents are duplicates when their normalized texts are equal. By default the text is
    brought to Unicode form C, invisible characters are dropped, and white space (Windows line ends too) is
    collapsed and stripped; case and punctuation count unless options say otherwise. The normalized text is hashed to
    128 bits (XXH3-128) and documents with equal hashes form a cluster.

    The chance that any two of *n* different texts share a 128-bit hash is about
    *n*² / 2¹²⁹, below 10⁻¹⁸ for ten billion documents. XXH3 is not cryptographic: an author who
    crafts colliding documents can make one hide another.

    Lee et al. (2022) found that exact copies are common in web corpora and that removing them
    reduces how much a model repeats its training data word for word.

    Empty texts are equal to each other: one of them stays. A document whose text is null has
    no duplicate.

    **By a key.** With `key`, fields are compared in place of the text: `exact: {key: url}` keeps one document per
    address, `exact: {key: [source, title]}` one per title within each source. Dots lead into objects
    (`meta.page_id`), and `id`, `text`, `source` and `url` are the document's own. Values are compared as texts, normalized
    by the same options (`lowercase` for titles): 7 equals "7", and lists and objects are compared as JSON. A document in
    which one of the fields is missing, null or blank has no duplicate. The longest text of equal keys stays, unless
    `keep` or `sources` say otherwise. Addresses are compared as they are: `http://e.org` and `https://e.org/` differ.

    Examples
    --------
    >>> import pyarrow as pa
    >>> sketch = Exact().sketch(pa.array(["Café  au lait ", "Cafe\\u0301 au\\nlait", "Tea", None]))
    >>> keys = sketch.column("hash").to_pylist()
    >>> keys[0] == keys[1], keys[0] == keys[2], keys[3]
    (True, False, None)
    """

    name = "exact"
    papers = (
        Paper(
            title="Deduplicating Training Data Makes Language Models Better",
            authors="Lee, Ippolito, Nystrom, Zhang, Eck, Callison-Burch, Carlini",
            year=2022,
            url="https://arxiv.org/abs/2107.06499",
        ),
    )
    cost = "Sketch: about 500 MB/s per core, 16 bytes per document. Resolve: about 64 bytes of memory per document."
    limits = (
        "A single changed letter makes a text a different one; use minhash for near duplicates. "
        "Not safe against texts made to collide."
    )

    class Options(ComparesKeys, ClusterOptions, Remembers):
        """What counts as the same text, and which copy stays."""

        nfc: bool = Field(
            True, description="Compose accents first (Unicode form C), so that two ways to write é are one."
        )
        collapse_white_space: bool = Field(
            True, description="Take every run of white space for one space, and drop it at the ends."
        )
        drop_invisible: bool = Field(
            True,
            description="Ignore characters that nobody sees: soft hyphens, zero-width spaces and joiners, byte "
            "order marks, directional marks.",
        )
        lowercase: bool = Field(
            False,
            description="Ignore case, by Unicode's full case folding: ß equals SS, and I equals both Turkish i's.",
        )
        strip_punctuation: bool = Field(
            False,
            description="Ignore punctuation. Symbols and operators count (C, C++ and C# differ), and a text of "
            "nothing but punctuation is compared as it is.",
        )

    options: Options

    def sketch(self, text: pa.Array) -> pa.RecordBatch:
        """Column `hash`, fixed_size_binary[16]; null for null."""
        return pa.record_batch({"hash": self._hash(text)})

    def sketch_documents(self, documents: pa.RecordBatch) -> pa.RecordBatch:
        """The same of each document's text, or of its key."""
        if not self.options.key:
            return super().sketch_documents(documents)
        return pa.record_batch(
            {"hash": join_hashes([self._key(documents, name) for name in self.options.key])}
        )

    @property
    def fields(self) -> Mapping[str, str]:
        return dict.fromkeys(self.options.key, "")

    def _key(self, documents: pa.RecordBatch, name: str) -> pa.Array:
        value = field_values(documents, name).shown
        blank = pc.equal(pc.binary_length(pc.utf8_trim_whitespace(value)), 0)
        return self._hash(pc.if_else(blank, pa.scalar(None, value.type), value))

    def _hash(self, text: pa.Array) -> pa.Array:
        return _kernels.normalized_hash(
            text,
            nfc=self.options.nfc,
            lowercase=self.options.lowercase,
            strip_punctuation=self.options.strip_punctuation,
            collapse_white_space=self.options.collapse_white_space,
            drop_invisible=self.options.drop_invisible,
        )

    def decide(self, view: View, resources: Resources) -> Clusters:
        """Clusters of equal hashes."""
        index = self._index(resources.corpus)
        table = view.read(["doc", "hash"])
        total = table.num_rows
        if index is not None:
            table = pa.concat_tables([_seen(index, one_array(table["hash"])), table])
        buckets = _kernels.buckets(one_array(table["hash"]), one_array(table["doc"]))
        del table
        members = keep_one(_kernels.union([buckets]), view, self.options.sources)
        section = self._section(members, total, index, view)
        stop = too_much(members, total, self.options, view)
        if index is None:
            return Clusters(members=members, findings=(section,), stop=stop)
        _remember(index, members, view, resources.remembered)
        outside = index.ids(one_array(members["cluster"]))
        return Clusters(members=members, findings=(section,), stop=stop, outside=outside)

    def need(self, documents: int, text_bytes: int) -> Need:
        """Hashes and documents, sorted."""
        return Need(64 * documents)

    def _index(self, corpus: str) -> Index | None:
        names = ("nfc", "collapse_white_space", "lowercase", "strip_punctuation")
        decisive: dict[str, Any] = {name: getattr(self.options, name) for name in names}
        if not self.options.drop_invisible:
            decisive["drop_invisible"] = False
        if self.options.key:
            decisive["key"] = list(self.options.key)
        path = self.options.index
        return None if path is None else Index.of(path, self.name, decisive, corpus)

    @property
    def _compared(self) -> str:
        return " and ".join(self.options.key) or "normalized text"

    @property
    def _copy(self) -> str:
        return f"a copy with the same {self._compared}" if self.options.key else "an exact copy"

    def _section(self, members: pa.Table, total: int, index: Index | None, view: View) -> Section:
        clusters = members["kept"].to_numpy().sum() if members.num_rows else 0
        removed = members.num_rows - clusters
        facts = Facts(
            facts=(
                ("documents", f"{total:,}"),
                ("clusters", f"{clusters:,}"),
                ("duplicates", f"{removed:,}"),
                ("share", f"{removed / max(total, 1):.2%}"),
                *seen_before(index, members),
            )
        )
        blocks: list[Block] = [facts]
        if removed:
            fraction = self.options.giant_cluster_fraction
            blocks += cluster_blocks(members, total, fraction, view)
            lead = f"{removed:,} of {total:,} documents have {self._copy} that stays."
        else:
            lead = f"This step had no effect: no two documents have the same {self._compared}."
            blocks.append(Prose(text=lead))
        return Section(title="Exact duplicates", key="duplicates", lead=lead, blocks=tuple(blocks))


def join_hashes(hashes: Sequence[pa.Array]) -> pa.Array:
    """Join several hashes of each document into one: fixed_size_binary[16], null where any of them is null.

    >>> a, b = (_kernels.text_hash(pa.array(texts)) for texts in (["x", "y", "x"], ["1", "1", None]))
    >>> joined = join_hashes([a, b]).to_pylist()
    >>> joined[0] == joined[1], joined[2]
    (False, None)
    """
    if len(hashes) == 1:
        return hashes[0]
    # As hexadecimal digits, all of one width, so that nothing runs into its neighbor.
    digits = [[None if value is None else value.hex() for value in column.to_pylist()] for column in hashes]
    columns = [pa.array(column, pa.large_string()) for column in digits]
    return _kernels.text_hash(pc.binary_join_element_wise(*columns, pa.scalar("", pa.large_string())))


def _seen(index: Index, hashes: pa.Array) -> pa.Table:
    """Documents of earlier corpora with one of these hashes."""
    schema = pa.schema([("doc", pa.int64()), ("hash", hashes.type)])
    matches = [batch.filter(pc.is_in(batch.column("hash"), hashes)) for batch in index.batches(["hash"])]
    return pa.Table.from_batches([batch.cast(schema) for batch in matches], schema)


def _remember(index: Index, members: pa.Table, view: View, path: str) -> None:
    """Write the hash and the id of every document that stays and counts."""
    schema = pa.schema([("hash", pa.binary(16)), ("id", pa.large_string())])
    removed = members.filter(pc.invert(members["kept"]))["doc"].to_numpy()
    with index.writer(path, schema) as writer:
        for batch in view.batches(["doc", "hash", "id", "priority"]):
            stays = pa.array(~among(batch.column("doc").to_numpy(), removed))
            counts = pc.not_equal(batch.column("priority"), WEIGHTLESS)
            kept = batch.filter(pc.and_(pc.and_(stays, counts), batch.column("hash").is_valid()))
            writer.write_batch(kept.select(schema.names).cast(schema))
