"""A filter by an expression, written in the recipe."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field as OptionField

from cupel.contract import TRAINING, Column, Condition, Method, Rules
from cupel.contract.rules import Threshold, written
from cupel.errors import BadOption
from cupel.rules._signal_kinds import kind_of, signal_kinds
from cupel.rules.expression.nodes import Field, FunctionCall, IsNull, Node, SignalName
from cupel.rules.expression.parser import parse

__all__ = ["Where"]

_SHOWN_CHARACTERS = 80


@dataclass(frozen=True)
class ExpressionRule(Condition):
    """A condition written as an expression.

    Attributes
    ----------
    name
        The name in the ledger and the report.
    expression
        The expression as written.
    condition
        The parsed expression.
    """

    name: str
    expression: str
    condition: Node
    why: str = ""
    source: str = "this recipe"

    def __str__(self) -> str:
        return " ".join(self.expression.split())

    @property
    def threshold(self) -> Threshold:  # type: ignore[override]
        return str(self)

    @property
    def signals(self) -> tuple[str, ...]:
        return tuple(
            dict.fromkeys(node.name for node in self.condition.walk() if isinstance(node, SignalName))
        )

    @property
    def fields(self) -> Mapping[str, str]:
        """Fields that the expression requires; those tested for null or inside `coalesce` may be missing."""
        optional = {
            part.name
            for node in self.condition.walk()
            if isinstance(node, IsNull) or (isinstance(node, FunctionCall) and node.function == "coalesce")
            for part in node.walk()
            if isinstance(part, Field)
        }
        fields = [node for node in self.condition.walk() if isinstance(node, Field)]
        return {node.name: _advice(node) for node in fields if node.name not in optional}

    def fails(self, documents: pa.RecordBatch) -> npt.NDArray[np.bool_]:
        passed = pc.fill_null(self.condition.read(documents, "truth"), False)
        fails: npt.NDArray[np.bool_] = pc.invert(passed).to_numpy(zero_copy_only=False)
        return fails

    def values(self, documents: pa.RecordBatch) -> list[Any]:
        """The names of the expression with their values: `word_count 12, source web`."""
        columns: dict[str, list[Any]] = {}
        for node in self.condition.walk():
            if isinstance(node, SignalName):
                columns[node.name] = documents.column(node.name).to_pylist()
            elif isinstance(node, Field) and node.name != "text":
                shown = node.values(documents).shown
                columns[node.name] = pc.utf8_slice_codeunits(shown, 0, _SHOWN_CHARACTERS).to_pylist()
        rows = zip(*columns.values(), strict=True) if columns else [()] * documents.num_rows
        return [
            ", ".join(f"{name} {written(value)}" for name, value in zip(columns, row, strict=True))
            for row in rows
        ]


class Where(Rules):
    """A filter by an expression over signals and fields.

    Keeps the documents for which an expression is true, as SQL's WHERE does. It may name signals, fields of the
    input, and the document's own `id`, `text`, `source` and `url`:

    ```yaml
    steps:
      - where: "word_count > 50 or source = 'wiki'"
      - where: "meta.quality.score >= 3 and lang in ('en', 'de') and not url like '%/tag/%'"
    ```

    Signals that it names are measured, with the options that the recipe gives them. Any other name is a field; a field
    that no document has stops the run before anything is read in earnest, unless the expression tests it by `IS NULL`
    or `coalesce`.

    | written | meaning |
    | --- | --- |
    | `= != < <= > >=` | comparisons; `==` and `<>` are understood |
    | `AND OR NOT ( )` | logic; keywords in any case |
    | `x IN ('a', 'b')`, `x NOT IN (1, 2)` | one of several values |
    | `x BETWEEN 1 AND 3` | both included |
    | `x LIKE 'ab%'`, `ILIKE` | `%` any characters, `_` one; ILIKE ignores case |
    | `x IS NULL`, `x IS NOT NULL`, `x IS TRUE` | never unknown |
    | `+ - * /` | arithmetic; a division by zero is unknown |
    | `length(x)` | characters of a text, elements of a list |
    | `lower(x)`, `upper(x)`, `abs(x)` | |
    | `contains(x, 'a')`, `starts_with`, `ends_with` | parts of a text |
    | `matches(x, '^[a-z]+$')` | a regular expression (RE2) that is found in the text |
    | `coalesce(x, 0)` | the first value that is known |
    | `'it''s'` | a text, in single quotes |
    | `"fasttext-score"`, `meta."a.b"`, `field('word_count')` | a name with other signs; a field that has a signal's name |

    **What is unknown is dropped.** A comparison with a value that is missing is neither true nor false, and neither is its
    `NOT`; `unknown OR true` is true. To keep documents without the field, write `score > 3 OR score IS NULL`.

    **Fields are read as what they are compared with**, as `threshold` does: with a number, as a number (`3` and
    `"3"`); with a text, as a text; with `TRUE`, as a truth value. `score > 3` of `"good"` is unknown. Two fields are
    compared as numbers where both are, else as texts. Of a list, one element is enough: `tags = 'news'` keeps documents
    with that tag, and `tags != 'news'` those without it.
    """

    name = "where"
    utility = "any"
    stages = TRAINING
    shorthand = "expression"
    cost = (
        "That of measuring its signals, and 1 to 2 µs per document for each field, with 260 bytes of fields."
    )
    limits = (
        "The report says what the whole expression dropped, not what its parts would; steps of their own are counted "
        "separately. Numbers are compared as 64-bit floats."
    )

    class Options(Method.Options):
        """The expression, and what it is called."""

        expression: str = OptionField(description="Documents for which it is true are kept.")
        name: str = OptionField("where", min_length=1, description="What ledger and report call it.")

    options: Options

    def __init__(self, options: Options | None = None) -> None:
        if options is None:
            raise BadOption("where: needs an expression, such as \"word_count > 50 or source = 'wiki'\"")
        self.options = options
        self._read(signal_kinds())

    def with_columns(self, columns: Mapping[str, Column]) -> Self:
        """The same expression where these names are signals, too."""
        rules = copy.copy(self)
        rules._read({**signal_kinds(), **{name: kind_of(column) for name, column in columns.items()}})
        return rules

    def _read(self, kinds: Mapping[str, str]) -> None:
        condition = parse(self.options.expression, kinds)
        self.rules = (ExpressionRule(self.options.name, self.options.expression, condition),)


def _advice(field: Field) -> str:
    """Advice on what an unknown name may have meant."""
    if field.quoted:
        return f"a text stands in single quotes: '{field.name}'"
    close = get_close_matches(field.name, signal_kinds(), n=1, cutoff=0.7)
    return f"did you mean the signal '{close[0]}'?" if close else ""
