"""A rule of your own, written in the recipe."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import (
    BeforeValidator,
    Field,
    StrictBool,
    StrictInt,
    StrictStr,
    create_model,
    model_validator,
)

from cupel.contract import TRAINING, Condition, Method, Rule, Rules
from cupel.contract.rules import TESTS
from cupel.errors import BadOption
from cupel.rules._field_rule import FieldRule

__all__ = ["OwnThreshold"]


def _as_text(value: Any) -> Any:
    """YAML reads 2024-01-31 as a date; documents hold it as text."""
    return value.isoformat() if isinstance(value, date) else value


_Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
_Bound = Annotated[_Number | StrictStr, BeforeValidator(_as_text)]
_Value = Annotated[StrictBool | StrictInt | _Number | StrictStr, BeforeValidator(_as_text)]


def _absent(value: object) -> bool:
    return value is None


def _options() -> type[Method.Options]:
    """The options; made by a call because `is` and `in` cannot be written as field names.

    Options added later are left out of a recipe that does not use them, so that its digest stays the same.
    """
    values = Annotated[list[_Value], Field(min_length=1)] | None
    fields: dict[str, Any] = {
        "signal": (
            StrictStr | None,
            Field(None, description="The signal column to compare.", exclude_if=_absent),
        ),
        "field": (
            Annotated[StrictStr, Field(min_length=1)] | None,
            Field(
                None,
                description="The field of the input to compare; dots lead into objects: `meta.quality.score`.",
                exclude_if=_absent,
            ),
        ),
        "name": (
            StrictStr | None,
            Field(None, description="What ledger and report call it."),
        ),
        "at_least": (_Bound | None, Field(None, description="The lowest value kept.")),
        "at_most": (_Bound | None, Field(None, description="The highest value kept.")),
        "above": (_Bound | None, Field(None, description="Values above this are kept.")),
        "below": (_Bound | None, Field(None, description="Values below this are kept.")),
        "between": (
            Annotated[list[_Bound], Field(min_length=2, max_length=2)] | None,
            Field(None, description="The lowest and the highest value kept.", exclude_if=_absent),
        ),
        "is": (_Value | None, Field(None, description="The one value kept.")),
        "in": (values, Field(None, description="The values kept.")),
        "not_in": (values, Field(None, description="The values dropped.", exclude_if=_absent)),
        "missing": (
            Literal["fails", "passes"],
            Field(
                "fails",
                description="What happens to a document without a value: it is dropped, or the rule `passes` it.",
            ),
        ),
    }
    validators: dict[str, Any] = {"consistent": model_validator(mode="after")(_check)}
    return create_model(
        "Options of threshold",
        __base__=Method.Options,
        __doc__="One condition on one signal or field.",
        __validators__=validators,
        **fields,
    )


def _check(options: Method.Options) -> Method.Options:
    values = options.model_dump()
    subjects = [name for name in ("signal", "field") if values.get(name) is not None]
    if len(subjects) != 1:
        raise ValueError(
            "give exactly one of signal (what Cupel measures) and field (what the input brings along), "
            f"not {'both' if subjects else 'none'}"
        )
    tests = [test for test in TESTS if values.get(test) is not None]
    if len(tests) != 1:
        raise ValueError(f"give exactly one of {', '.join(TESTS)}, not {len(tests)}")
    if tests[0] in ("is", "in", "not_in"):
        return options
    bounds = values[tests[0]] if tests[0] == "between" else [values[tests[0]]]
    for bound in bounds:
        if isinstance(bound, str) and (subjects == ["signal"] or _is_numeral(bound)):
            raise ValueError(f"{tests[0]} is the text {bound!r}: expected a number, without quotes")
    if len({isinstance(bound, str) for bound in bounds}) > 1:
        raise ValueError(f"{tests[0]} is {bounds!r}: expected two numbers, or two texts")
    if len(bounds) == 2 and bounds[0] > bounds[1]:
        raise ValueError(f"between is {bounds!r}, which nothing is: the lower value comes first")
    return options


def _is_numeral(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


class OwnThreshold(Rules):
    """A threshold on any signal, or on a field of the input.

    Keeps documents whose signal or field meets one condition, given in the recipe:

    ```yaml
    steps:
      - threshold: {signal: digit_fraction, at_most: 0.2, name: few_digits}
      - threshold: {field: meta.quality.score, at_least: 3}
      - threshold: {field: license, in: [mit, apache-2.0]}
    ```

    Give exactly one of `at_least`, `at_most`, `above`, `below`, `between`, `is`, `in` and `not_in`.

    **Signals** are what Cupel measures (`cupel methods` lists them): any signal column can be named, and any count that
    an edit before this step gives.

    **Fields** are what documents bring along: columns of Parquet and CSV, keys of JSON, and the document's own `id`,
    `text`, `source` and `url`. Dots lead into objects, unless there is a field whose name holds the dots itself. A
    field is read as what it is compared with:

    - with a number, numbers and strings that are numerals (`3`, `"3"`, `" 3.0 "`);
    - with a text, strings as they are, and numbers and truth values as JSON writes them; `at_least` and the like go by
      code points, so ISO dates compare as dates do;
    - with `true` or `false`, truth values and the strings `true` and `false`, in any case.

    Of a list, one element that meets the condition is enough; for `not_in` none may be in the list of values.

    A document without the field, with a null, an empty list or an object in it, fails, unless `missing: passes`.
    The same holds for a value that cannot be ordered with a bound: `"good"` is neither at least 3 nor below it. A
    field that no document has stops the run before anything is read in earnest, with the fields that there are.
    """

    name = "threshold"
    utility = "any"
    stages = TRAINING
    cost = "Of a signal, that of measuring it. Of a field, 1 to 2 µs per document with 260 bytes of fields."
    limits = (
        "One condition per step; write several steps for several conditions, or one `where`. Numbers are compared as "
        "64-bit floats; only whole numbers beyond 2^53 that are tested by `is`, `in` and `not_in` are compared exactly."
    )

    Options = _options()

    def __init__(self, options: Method.Options | None = None) -> None:
        if options is None:
            raise BadOption("threshold: needs a signal or a field, and one of " + ", ".join(TESTS))
        self.options = options
        self.rules = (_rule(options.model_dump()),)


def _rule(values: dict[str, Any]) -> Condition:
    test = next(test for test in TESTS if values.get(test) is not None)
    value = values[test]
    threshold = tuple(value) if isinstance(value, list) else value
    missing, source = values["missing"], "this recipe"
    field = values.get("field")
    if field is not None:
        return FieldRule(values["name"] or field, field, test, threshold, missing, source=source)
    signal = values["signal"]
    return Rule(values["name"] or signal, signal, test, threshold, source=source, missing=missing)
