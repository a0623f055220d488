"""What an expression is made of, and what each part of it is for a batch of documents.

Every part can be read as a number (double), as a text (large_string) or as a truth value (bool), one per document, null
where it is unknown. Logic is that of SQL: what is compared with something unknown is unknown, `unknown OR true` is
true, `unknown AND false` is false.
"""

from __future__ import annotations

from abc import ABC
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cupel.corpus.field_values import FieldValues, field_values

__all__ = [
    "Arithmetic",
    "Between",
    "FunctionCall",
    "Compare",
    "Field",
    "IsNull",
    "IsTrue",
    "Literal",
    "Logic",
    "Membership",
    "Node",
    "Not",
    "SignalName",
    "TextTest",
]

ORDER: dict[str, Callable[[Any, Any], pa.Array]] = {
    "=": pc.equal,
    "!=": pc.not_equal,
    "<": pc.less,
    "<=": pc.less_equal,
    ">": pc.greater,
    ">=": pc.greater_equal,
}
MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "=": "=", "!=": "!="}


@dataclass(frozen=True)
class Node(ABC):
    """A part of an expression.

    Attributes
    ----------
    at
        Its place in the expression.
    kind
        `number`, `text`, `truth`; `any` for a field, which is read as what it is compared with.
    """

    at: int
    kind: str

    @property
    def parts(self) -> tuple[Node, ...]:
        """What it is made of."""
        return ()

    def walk(self) -> Iterator[Node]:
        """It and all that it is made of, from left to right."""
        yield self
        for part in self.parts:
            yield from part.walk()

    def read(self, documents: pa.RecordBatch, kind: str) -> pa.Array:
        """Its value for each document as a value of this kind."""
        raise NotImplementedError


@dataclass(frozen=True)
class Literal(Node):
    """A number, a text or a truth value."""

    value: float | int | str | bool

    @property
    def scalar(self) -> pa.Scalar[Any]:
        """It as a double, a text or a truth value."""
        if self.kind == "number":
            return pa.scalar(float(self.value), pa.float64())
        return pa.scalar(self.value, pa.large_string() if self.kind == "text" else pa.bool_())

    def read(self, documents: pa.RecordBatch, kind: str) -> pa.Array:
        return pa.repeat(self.scalar, documents.num_rows)


@dataclass(frozen=True)
class SignalName(Node):
    """A signal column."""

    name: str

    def read(self, documents: pa.RecordBatch, kind: str) -> pa.Array:
        column = documents.column(self.name)
        if self.kind == "number":
            return _known(pc.cast(column, pa.float64()))
        return pc.cast(column, pa.large_string()) if self.kind == "text" else column


@dataclass(frozen=True)
class Field(Node):
    """A field of the documents.

    Attributes
    ----------
    quoted
        Whether the name stands in double quotes.
    """

    name: str
    quoted: bool

    def values(self, documents: pa.RecordBatch) -> FieldValues:
        return field_values(documents, self.name)

    def read(self, documents: pa.RecordBatch, kind: str) -> pa.Array:
        values = self.values(documents)
        if kind == "number":
            return values.number
        return values.text if kind == "text" else values.boolean


@dataclass(frozen=True)
class Compare(Node):
    """`=`, `!=`, `<`, `<=`, `>` or `>=` between two values of one kind."""

    sign: str
    left: Node
    right: Node

    @property
    def parts(self) -> tuple[Node, ...]:
        return (self.left, self.right)

    def read(self, documents: pa.RecordBatch, kind: str) -> pa.Array:
        left, right, sign = self.left, self.right, self.sign
        if isinstance(right, Field) and isinstance(left, Literal):
            left, right, sign = right, left, MIRRORED[sign]
        if isinstance(left, Field) and isinstance(right, Literal):
            return self._any(left.values(documents), sign, right)
        kinds = {left.kind, right.kind} - {"any"}
        if kinds:
            (same,) = kinds
            return ORDER[sign](left.read(documents, same), right.read(documents, same))
        # Two fields: as numbers where both are, else as texts.
        by_kind = [
            ORDER[sign](left.read(documents, kind), right.read(documents, kind))
            for kind in ("number", "text")
        ]
        return pc.coalesce(*by_kind)

    @staticmethod
    def _any(values: FieldValues, sign: str, literal: Literal) -> pa.Array:
        """Of a list one element is enough; `!=` is what `=` is not."""
        if sign in ("=", "!="):
            equal = values.is_one_of([literal.value])
            return pc.invert(equal) if sign == "!=" else equal
        scalars = values.scalars.column("number" if literal.kind == "number" else "text")
        return values.any(ORDER[sign](scalars, literal.scalar))


@dataclass(frozen=True)
class Membership(Node):
    """`IN (…)`."""

    value: Node
    literals: tuple[Literal, ...]

    @property
    def parts(self) -> tuple[Node, ...]:
        return (self.value, *self.literals)

    def read(self, documents: pa.RecordBatch, kind: str) -> pa.Array:
        if isinstance(self.value, Field):
            return self.value.values(documents).is_one_of(literal.value for literal in self.literals)
        column = self.value.read(documents, self.value.kind)
        options = pa.array([literal.scalar.as_py() for literal in self.literals], column.type)
        if pa.types.is_floating(column.type):
            # Arrow looks values up by their bits: -0.0 becomes 0.0.
            column, options = pc.add(column, 0.0), pc.add(options, 0.0)
        present = pc.is_in(column, value_set=options)
        return pc.if_else(column.is_valid(), present, None)


@dataclass(frozen=True)
class Between(Node):
    """`BETWEEN … AND …`, both included; one element of a list is enough."""

    value: Node
    low: Node
    high: Node

    @property
    def parts(self) -> tuple[Node, ...]:
        return (self.value, self.low, self.high)

    def read(self, documents: pa.RecordBatch, kind: str) -> pa.Array:
        value, low, high = self.value, self.low, self.high
        if isinstance(value, Field) and isinstance(low, Literal) and isinstance(high, Literal):
            values = value.values(documents)
            scalars = values.scalars.column("number" if low.kind == "number" else "text")
            above = pc.greater_equal(scalars, low.scalar)
            return values.any(pc.and_(above, pc.less_equal(scalars, high.scalar)))
        bounds = (
            Compare(self.at, "truth", ">=", value, low),
            Compare(self.at, "truth", "<=", value, high),
        )
        return pc.and_kleene(*(bound.read(documents, "truth") for bound in bounds))


@dataclass(frozen=True)
class TextTest(Node):
    """A condition on a text: LIKE, contains, matches and their like; one element of a list is enough."""

    value: Node
    test: Callable[[pa.Array], pa.Array]

    @property
    def parts(self) -> tuple[Node, ...]:
        return (self.value,)

    def read(self, documents: pa.RecordBatch, kind: str) -> pa.Array:
        if isinstance(self.value, Field):
            values = self.value.values(documents)
            if not values.listed.any():
                return self.test(values.text)
            return values.any(self.test(values.scalars.column("text")))
        return self.test(self.value.read(documents, "text"))


@dataclass(frozen=True)
class IsNull(Node):
    """`IS NULL`: whether it is unknown; a field with a list or an object is known."""

    value: Node

    @property
    def parts(self) -> tuple[Node, ...]:
        return (self.value,)

    def read(self, documents: pa.RecordBatch, kind: str) -> pa.Array:
        if isinstance(self.value, Field):
            return self.value.values(documents).shown.is_null()
        return self.value.read(documents, self.value.kind).is_null()


@dataclass(frozen=True)
class IsTrue(Node):
    """`IS TRUE`, `IS FALSE`: never unknown."""

    value: Node
    wanted: bool

    @property
    def parts(self) -> tuple[Node, ...]:
        return (self.value,)

    def read(self, documents: pa.RecordBatch, kind: str) -> pa.Array:
        return pc.fill_null(pc.equal(self.value.read(documents, "truth"), self.wanted), False)


@dataclass(frozen=True)
class Logic(Node):
    """`AND`, `OR`."""

    sign: str
    left: Node
    right: Node

    @property
    def parts(self) -> tuple[Node, ...]:
        return (self.left, self.right)

    def read(self, documents: pa.RecordBatch, kind: str) -> pa.Array:
        join = pc.and_kleene if self.sign == "and" else pc.or_kleene
        return join(self.left.read(documents, "truth"), self.right.read(documents, "truth"))


@dataclass(frozen=True)
class Not(Node):
    """`NOT`."""

    value: Node

    @property
    def parts(self) -> tuple[Node, ...]:
        return (self.value,)

    def read(self, documents: pa.RecordBatch, kind: str) -> pa.Array:
        return pc.invert(self.value.read(documents, "truth"))


@dataclass(frozen=True)
class Arithmetic(Node):
    """`+`, `-`, `*`, `/` of numbers; what is divided by zero or overflows is unknown."""

    sign: str
    left: Node
    right: Node

    @property
    def parts(self) -> tuple[Node, ...]:
        return (self.left, self.right)

    def read(self, documents: pa.RecordBatch, kind: str) -> pa.Array:
        compute = {"+": pc.add, "-": pc.subtract, "*": pc.multiply, "/": pc.divide}[self.sign]
        left, right = (part.read(documents, "number") for part in self.parts)
        if self.sign == "/":
            right = pc.if_else(pc.equal(right, 0.0), None, right)
        return _known(compute(left, right))


@dataclass(frozen=True)
class FunctionCall(Node):
    """A function of values of one document: `lower`, `upper`, `length`, `abs`, `coalesce`."""

    function: str
    arguments: tuple[Node, ...]

    @property
    def parts(self) -> tuple[Node, ...]:
        return self.arguments

    def read(self, documents: pa.RecordBatch, kind: str) -> pa.Array:
        if self.function == "coalesce":
            return pc.coalesce(*(argument.read(documents, self.kind) for argument in self.arguments))
        (argument,) = self.arguments
        if self.function == "length":
            if isinstance(argument, Field):
                return argument.values(documents).length
            return pc.cast(pc.utf8_length(argument.read(documents, "text")), pa.float64())
        if self.function == "abs":
            return pc.abs(argument.read(documents, "number"))
        change = pc.utf8_lower if self.function == "lower" else pc.utf8_upper
        return change(argument.read(documents, "text"))


def _known(numbers: pa.Array) -> pa.Array:
    """Numbers, and null in place of NaN and infinities."""
    values = np.asarray(numbers.to_numpy(zero_copy_only=False), np.float64)
    return pa.array(values, mask=~np.isfinite(values))
