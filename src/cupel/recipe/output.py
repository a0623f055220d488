"""The refined corpus as it is written: its columns, and the batches that fill them."""

from __future__ import annotations

from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from cupel.corpus.fields import CarriedFields, FieldCounts
from cupel.errors import BadInput
from cupel.recipe.folder import Folder, read_sealed, write_sealed
from cupel.recipe.job import DOCUMENT, WEIGHT, Job
from cupel.recipe.pass_files import read_pass_json
from cupel.recipe.plan import Plan

__all__ = [
    "carried_fields",
    "decide_fields",
    "fit",
    "has_parts",
    "output_batch",
    "output_schema",
    "weightless",
    "with_weight",
    "without_doc",
]

BEFORE_FIELDS = ("id", "text", "source", "url")
AFTER_FIELDS = ("metadata", "doc")


def decide_fields(folder: Folder, job: Job, plan: Plan) -> None:
    """Write down which fields are columns of the output, once the first pass has counted them.

    The same counts give the same fields, so repeating this changes nothing.
    """
    counts, with_parts = FieldCounts(), 0
    for pass_ in plan.passes[:-1]:
        if pass_.index and pass_.generator is None:
            continue
        for unit in range(plan.units(len(job.shards), pass_.index)):
            tally = read_pass_json(folder.unit(pass_.index, unit, "tally.json"))
            counts.merge(FieldCounts.from_json(tally["fields"]))
            with_parts += tally["with_parts"]
    exact = all(file.format == "parquet" for file in job.files) and not plan.generators
    carried = CarriedFields.of(counts, exact=exact, taken=_own_names(plan, parts=with_parts > 0))
    write_sealed(folder.fields, carried.to_json() | {"parts": with_parts > 0})


def has_parts(folder: Folder) -> bool:
    """Whether a document of the output may have parts, so that it has a column of them."""
    return bool(read_sealed(folder.fields)["parts"])


def carried_fields(folder: Folder, job: Job) -> CarriedFields:
    """The fields that are columns of the output; JSON lines hold all of them at the top level anyway."""
    if job.output.format != "parquet":
        return CarriedFields({}, {})
    return CarriedFields.from_json(read_sealed(folder.fields))


def output_schema(
    plan: Plan, types: dict[str, pa.DataType], carried: CarriedFields, *, parts: bool = False
) -> pa.Schema:
    """Columns of the refined corpus, with or without a column of parts."""
    columns = {name: DOCUMENT[name] for name in BEFORE_FIELDS}
    if parts:
        columns["parts"] = DOCUMENT["parts"]
    if plan.weighs:
        columns[WEIGHT] = pa.float64()
    columns |= carried.columns
    columns |= {name: DOCUMENT[name] for name in AFTER_FIELDS}
    columns |= plan.marks
    if plan.kept_columns:
        columns["signals"] = pa.struct([(column, types[column]) for column in plan.kept_columns])
    return pa.schema(list(columns.items()))


def output_batch(batch: pa.RecordBatch, schema: pa.Schema, carried: CarriedFields) -> pa.RecordBatch:
    """Convert documents of the last pass to the columns of the output."""
    columns = dict(zip(batch.schema.names, batch.columns, strict=True))
    if "signals" in schema.names:
        fields = list(schema.field("signals").type)
        children = [batch.column(item.name).cast(item.type) for item in fields]
        columns["signals"] = pa.StructArray.from_arrays(children, fields=fields)
    # Now a field may take the name of a signal.
    columns |= carried.split(batch.column("metadata"))
    return fit(pa.RecordBatch.from_pydict(columns), schema)


def with_weight(documents: pa.RecordBatch) -> dict[str, pa.Array]:
    """The weights that documents come with, out of their metadata; 1 where they have none.

    Raises
    ------
    BadInput
        A weight is NaN, infinite or below 0; the document is named.
    """
    split = CarriedFields({WEIGHT: pa.float64()}, {}).split(documents.column("metadata"))
    weights = split[WEIGHT]
    # Reading leaves NaN and infinities as text, which is no number and so stays in the metadata.
    not_finite = pc.match_substring_regex(split["metadata"], f'"{WEIGHT}":"(nan|inf|-inf)"')
    negative = pc.fill_null(pc.less(weights, 0.0), False)
    for row in np.flatnonzero(pc.or_(not_finite, negative).to_numpy(zero_copy_only=False)):
        weight: Any = weights[row].as_py()
        if weight is None:
            weight = orjson.loads(split["metadata"][row].as_py()).get(WEIGHT)
        if weight in ("nan", "inf", "-inf") or (isinstance(weight, float) and weight < 0):
            path, position, name = (documents.column(c)[row].as_py() for c in ("path", "position", "id"))
            raise BadInput(
                f"{path}, document '{name}' (at {position}): weight {weight}; expected a number of 0 or more"
            )
    return {"metadata": split["metadata"], WEIGHT: pc.fill_null(weights, 1.0)}


def weightless(documents: pa.RecordBatch) -> pa.Array:
    """Which documents have a weight of 0, as a column or in their metadata: they are never trained on."""
    if WEIGHT in documents.schema.names:
        weight = documents.column(WEIGHT)
    else:
        metadata = documents.column("metadata")
        named = pc.fill_null(pc.match_substring(metadata, f'"{WEIGHT}"'), False)
        if not pc.any(named).as_py():
            return pa.repeat(False, documents.num_rows)
        weight = CarriedFields({WEIGHT: pa.float64()}, {}).split(metadata)[WEIGHT]
    return pc.fill_null(pc.less_equal(weight, 0.0), False)


def without_doc(metadata: pa.Array) -> pa.Array:
    """The metadata of an earlier run's corpus without its key to that run's ledger."""
    return CarriedFields({"doc": pa.int64()}, {}).split(metadata)["metadata"]


def fit(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """The columns of `schema`, in their order; null where `batch` has none of the name."""
    arrays = [
        batch.column(item.name).cast(item.type)
        if item.name in batch.schema.names
        else pa.nulls(batch.num_rows, item.type)
        for item in schema
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _own_names(plan: Plan, *, parts: bool) -> set[str]:
    """Names that no field can have as a column."""
    own = {*BEFORE_FIELDS, *AFTER_FIELDS, "signals", *plan.marks}
    return own | ({WEIGHT} if plan.weighs else set()) | ({"parts"} if parts else set())
