"""From the text of an expression to its parts, checked: every fault is found before any document is read.

```text
condition  = and { OR and }
and        = not { AND not }
not        = NOT not | test
test       = sum [ ( = | == | != | <> | < | <= | > | >= ) sum
                 | [NOT] IN ( value, … )
                 | [NOT] BETWEEN sum AND sum
                 | [NOT] LIKE 'pattern' | [NOT] ILIKE 'pattern'
                 | IS [NOT] ( NULL | TRUE | FALSE ) ]
sum        = product { ( + | - ) product }
product    = factor { ( * | / ) factor }
factor     = - factor | ( condition ) | number | 'text' | TRUE | FALSE | name | function( condition, … )
name       = word { . word }, where a word with other signs stands in double quotes
```
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from cupel.rules.expression.nodes import (
    Arithmetic,
    Between,
    Compare,
    Field,
    FunctionCall,
    IsNull,
    IsTrue,
    Literal,
    Logic,
    Membership,
    Node,
    Not,
    SignalName,
    TextTest,
)
from cupel.rules.expression.tokens import Token, fault, tokenize

__all__ = ["FUNCTIONS", "parse"]

_COMPARISONS = ("=", "==", "!=", "<>", "<", "<=", ">", ">=")
_KINDS = {"number": "a number", "text": "a text", "truth": "true or false"}
_TEXT_TESTS: dict[str, Callable[..., pa.Array]] = {
    "contains": pc.match_substring,
    "starts_with": pc.starts_with,
    "ends_with": pc.ends_with,
    "matches": pc.match_substring_regex,
}
FUNCTIONS = ("abs", "coalesce", "field", "length", "lower", "upper", *_TEXT_TESTS)
_MAX_DEPTH = 100
"""Of parentheses and NOTs: no expression that a person writes comes near, and Python's stack is far away."""


def parse(expression: str, signals: Mapping[str, str]) -> Node:
    """The condition that `expression` writes.

    Parameters
    ----------
    signals
        The kind of each signal column by name: `number`, `text` or `truth`; empty where none can be compared. Any other
        name is a field of the documents.

    Raises
    ------
    BadOption
        It is no expression, or compares what cannot be compared; the message shows the place.

    Examples
    --------
    >>> condition = parse("word_count > 50 or lang in ('ja', 'zh')", {"word_count": "number"})
    >>> documents = pa.record_batch({"word_count": [10, 10, 90], "metadata": ['{"lang":"ja"}', "{}", "{}"]})
    >>> condition.read(documents, "truth").to_pylist()
    [True, None, True]
    """
    return _Parser(expression, signals).whole()


class _Parser:
    def __init__(self, expression: str, signals: Mapping[str, str]) -> None:
        self.expression = expression
        self.signals = signals
        self.tokens = tokenize(expression)
        self.next = 0
        self.depth = 0

    # -- tokens ------------------------------------------------------------------------------------

    @property
    def token(self) -> Token:
        return self.tokens[self.next]

    def take(self) -> Token:
        token = self.token
        self.next += 1
        return token

    def accept(self, *values: str) -> Token | None:
        """The next token, taken, if it is one of these signs or keywords."""
        if self.token.kind in ("sign", "keyword") and self.token.value in values:
            return self.take()
        return None

    def expect(self, value: str, after: str) -> Token:
        token = self.accept(value)
        if token is None:
            raise self.fault(self.token, f"expected {value.upper()} {after}, found {_shown(self.token)}")
        return token

    def fault(self, at: Token | Node, what: str) -> Exception:
        place = at.start if isinstance(at, Token) else at.at
        return fault(self.expression, place, what)

    # -- grammar -----------------------------------------------------------------------------------

    def whole(self) -> Node:
        if self.token.kind == "end":
            raise self.fault(self.token, "the expression is empty")
        condition = self.disjunction()
        if self.token.kind != "end":
            raise self.fault(
                self.token, f"expected AND, OR or the end, found {_shown(self.token)}{self.advice()}"
            )
        return self.truth(condition)

    def advice(self) -> str:
        token, before = self.token, self.tokens[self.next - 1]
        if token.kind == "name":
            close = difflib.get_close_matches(token.value.lower(), ("and", "or", "between", "like"), n=1)
            return f"; did you mean {close[0].upper()}?" if close else ""
        if token.kind == "number" or token.kind == "text":
            return "; a comparison needs a sign, such as = or >" if before.kind == "name" else ""
        if token.value in _COMPARISONS:
            return "; for a range write: a BETWEEN 1 AND 3"
        return ""

    def disjunction(self) -> Node:
        left = self.conjunction()
        while token := self.accept("or"):
            left = Logic(token.start, "truth", "or", self.truth(left), self.truth(self.conjunction()))
        return left

    def conjunction(self) -> Node:
        left = self.negation()
        while token := self.accept("and"):
            left = Logic(token.start, "truth", "and", self.truth(left), self.truth(self.negation()))
        return left

    def negation(self) -> Node:
        if token := self.accept("not"):
            self.deeper(token)
            value = self.truth(self.negation())
            self.depth -= 1
            return Not(token.start, "truth", value)
        return self.test()

    def test(self) -> Node:
        left = self.sum()
        if token := self.accept(*_COMPARISONS):
            return self.comparison(token, left, self.sum())
        if token := self.accept("is"):
            negated = self.accept("not") is not None
            return _negated(self.identity(token, left), negated)
        negation = self.accept("not")
        if token := self.accept("in"):
            return _negated(self.membership(token, left), negation is not None)
        if token := self.accept("between"):
            low = self.sum()
            self.expect("and", "between the two bounds")
            return _negated(self.between(token, left, low, self.sum()), negation is not None)
        if token := self.accept("like", "ilike"):
            return _negated(self.like(token, left), negation is not None)
        if negation is not None:
            raise self.fault(
                self.token, f"expected IN, BETWEEN or LIKE after NOT, found {_shown(self.token)}"
            )
        return left

    def sum(self) -> Node:
        left = self.product()
        while token := self.accept("+", "-"):
            left = self.arithmetic(token, left, self.product())
        return left

    def product(self) -> Node:
        left = self.factor()
        while token := self.accept("*", "/"):
            left = self.arithmetic(token, left, self.factor())
        return left

    def arithmetic(self, token: Token, left: Node, right: Node) -> Node:
        return Arithmetic(token.start, "number", token.value, self.number(left), self.number(right))

    def factor(self) -> Node:
        token = self.take()
        if token.kind == "sign" and token.value == "-":
            self.deeper(token)
            value = self.number(self.factor())
            self.depth -= 1
            if isinstance(value, Literal) and not isinstance(value.value, str):
                return Literal(token.start, "number", -value.value)
            return Arithmetic(token.start, "number", "-", Literal(token.start, "number", 0.0), value)
        if token.kind == "sign" and token.value == "(":
            self.deeper(token)
            inner = self.disjunction()
            self.expect(")", "to close the parenthesis")
            self.depth -= 1
            return inner
        if token.kind == "name":
            return self.call(token) if not token.quoted and self.accept("(") else self.name(token)
        literal = self.literal(token)
        if literal is None:
            what = "= NULL is never true: write IS NULL" if token.value == "null" else ""
            raise self.fault(token, what or f"expected a value, found {_shown(token)}")
        return literal

    def literal(self, token: Token) -> Literal | None:
        if token.kind == "text":
            return Literal(token.start, "text", token.value)
        if token.kind == "keyword" and token.value in ("true", "false"):
            return Literal(token.start, "truth", token.value == "true")
        if token.kind == "number":
            number = (
                int(token.value) if token.value.isascii() and token.value.isdigit() else float(token.value)
            )
            if abs(number) >= float("inf") or abs(number) > 10**300:
                raise self.fault(token, "this number is too large")
            return Literal(token.start, "number", number)
        return None

    def name(self, first: Token) -> Node:
        words = [first]
        while self.accept("."):
            if self.token.kind not in ("name", "keyword"):
                raise self.fault(self.token, f"expected a name after the dot, found {_shown(self.token)}")
            words.append(self.take())
        name = ".".join(word.value for word in words)
        if not name:
            raise self.fault(first, "this name is empty")
        quoted = any(word.quoted for word in words)
        if not quoted and name in self.signals:
            kind = self.signals[name]
            if not kind:
                raise self.fault(first, f"the signal '{name}' is a list or table, which cannot be compared")
            return SignalName(first.start, kind, name)
        return Field(first.start, "any", name, quoted)

    # -- functions ---------------------------------------------------------------------------------

    def call(self, token: Token) -> Node:
        function = token.value.lower()
        if function not in FUNCTIONS:
            close = difflib.get_close_matches(function, FUNCTIONS, n=1, cutoff=0.5)
            advice = f"did you mean {close[0]}?" if close else f"there are: {', '.join(sorted(FUNCTIONS))}"
            raise self.fault(token, f"no function is called '{token.value}'; {advice}")
        self.deeper(token)
        arguments: list[Node] = []
        while not self.accept(")"):
            if arguments:
                self.expect(",", f"or ) between the arguments of {function}")
            arguments.append(self.disjunction())
        self.depth -= 1
        wanted = 2 if function in _TEXT_TESTS else 1
        if function == "coalesce":
            return self.coalesce(token, arguments)
        if len(arguments) != wanted:
            raise self.fault(
                token, f"{function} takes {wanted} argument{'s'[: wanted - 1]}, not {len(arguments)}"
            )
        if function == "field":
            return self.field(token, arguments[0])
        if function in _TEXT_TESTS:
            return self.text_test(token, function, arguments[0], arguments[1])
        if function == "abs":
            return FunctionCall(token.start, "number", function, (self.number(arguments[0]),))
        kind = "number" if function == "length" else "text"
        return FunctionCall(token.start, kind, function, (self.as_kind(arguments[0], "text"),))

    def field(self, token: Token, name: Node) -> Node:
        if not isinstance(name, Literal) or not isinstance(name.value, str) or not name.value:
            raise self.fault(name, "field takes the name of a field as a text: field('meta.score')")
        return Field(token.start, "any", name.value, quoted=True)

    def text_test(self, token: Token, function: str, value: Node, pattern: Node) -> Node:
        if not isinstance(pattern, Literal) or not isinstance(pattern.value, str):
            raise self.fault(pattern, f"{function} takes a text in single quotes as its second argument")
        test = partial(_TEXT_TESTS[function], pattern=pattern.value)
        if function == "matches":
            try:
                test(pa.array([""], pa.large_string()))
            except pa.ArrowInvalid as error:
                reason = str(error).partition("egular expression: ")[2] or str(error)
                raise self.fault(pattern, f"not a regular expression (RE2): {reason}") from None
        return TextTest(token.start, "truth", self.as_kind(value, "text"), test)

    def coalesce(self, token: Token, arguments: list[Node]) -> Node:
        kinds = dict.fromkeys(argument.kind for argument in arguments if argument.kind != "any")
        if len(kinds) != 1 or len(arguments) < 2:
            raise self.fault(
                token, "coalesce takes values of one kind, at least one of them no field: coalesce(score, 0)"
            )
        return FunctionCall(token.start, next(iter(kinds)), "coalesce", tuple(arguments))

    # -- conditions --------------------------------------------------------------------------------

    def comparison(self, token: Token, left: Node, right: Node) -> Node:
        sign = {"==": "=", "<>": "!="}.get(token.value, token.value)
        kinds = {left.kind, right.kind} - {"any"}
        if len(kinds) > 1:
            raise self.mismatch(left, right)
        if kinds == {"truth"} and sign not in ("=", "!="):
            raise self.fault(token, "true and false have no order")
        return Compare(token.start, "truth", sign, left, right)

    def mismatch(self, left: Node, right: Node) -> Exception:
        literal, other = (left, right) if isinstance(left, Literal) else (right, left)
        advice = ""
        if isinstance(literal, Literal) and isinstance(literal.value, str) and other.kind == "number":
            advice = "; numbers are written without quotes"
        return self.fault(
            literal, f"{_KINDS[literal.kind]} cannot be compared with {_KINDS[other.kind]}{advice}"
        )

    def identity(self, token: Token, value: Node) -> Node:
        what = self.take()
        if what.kind == "keyword" and what.value == "null":
            return IsNull(token.start, "truth", value)
        if what.kind == "keyword" and what.value in ("true", "false"):
            return IsTrue(token.start, "truth", self.truth(value), what.value == "true")
        raise self.fault(
            what, f"expected NULL, TRUE or FALSE after IS, found {_shown(what)}; other values take ="
        )

    def membership(self, token: Token, value: Node) -> Node:
        if self.token.kind == "name" and isinstance(value, Literal):
            raise self.fault(
                self.token,
                f"IN takes a list of values; for a field that holds a list write {self.token.value} = …",
            )
        self.expect("(", "and a list of values after IN")
        literals: list[Literal] = []
        while not literals or self.accept(","):
            minus = self.accept("-")
            start = self.take()
            literal = self.literal(start)
            if literal is None or (minus and literal.kind != "number"):
                raise self.fault(start, f"expected a number or a text in the list, found {_shown(start)}")
            if minus:
                literal = Literal(minus.start, "number", -literal.value)  # type: ignore[operator]
            if value.kind not in ("any", literal.kind):
                raise self.mismatch(literal, value)
            literals.append(literal)
        self.expect(")", "or a comma in the list")
        return Membership(token.start, "truth", value, tuple(literals))

    def between(self, token: Token, value: Node, low: Node, high: Node) -> Node:
        for bound in (low, high):
            if len({value.kind, bound.kind} - {"any"}) > 1:
                raise self.mismatch(bound, value)
            if bound.kind == "truth":
                raise self.fault(bound, "true and false have no order")
        if len({low.kind, high.kind} - {"any"}) > 1:
            raise self.mismatch(low, high)
        if isinstance(low, Literal) and isinstance(high, Literal) and low.value > high.value:  # type: ignore[operator]
            raise self.fault(low, "nothing is between these two: the lower bound comes first")
        return Between(token.start, "truth", value, low, high)

    def like(self, token: Token, value: Node) -> Node:
        pattern = self.take()
        if pattern.kind != "text":
            raise self.fault(pattern, f"expected a pattern in single quotes, found {_shown(pattern)}")
        ignore_case = token.value == "ilike"
        test: Any = partial(pc.match_like, pattern=pattern.value, ignore_case=ignore_case)
        return TextTest(token.start, "truth", self.as_kind(value, "text"), test)

    # -- kinds -------------------------------------------------------------------------------------

    def number(self, value: Node) -> Node:
        return self.as_kind(value, "number")

    def truth(self, value: Node) -> Node:
        return self.as_kind(value, "truth")

    def as_kind(self, value: Node, kind: str) -> Node:
        if value.kind not in ("any", kind):
            wanted = "a condition, which is true or false" if kind == "truth" else _KINDS[kind]
            raise self.fault(value, f"expected {wanted}, and this is {_KINDS[value.kind]}")
        return value

    def deeper(self, token: Token) -> None:
        self.depth += 1
        if self.depth > _MAX_DEPTH:
            raise self.fault(token, f"nested more than {_MAX_DEPTH} deep")


def _negated(condition: Node, negated: bool) -> Node:
    return Not(condition.at, "truth", condition) if negated else condition


def _shown(token: Token) -> str:
    if token.kind == "end":
        return "the end"
    return f"the text '{token.value}'" if token.kind == "text" else f"'{token.value}'"
