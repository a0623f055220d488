"""A rule of your own, written in the recipe."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, StrictBool, StrictStr, create_model, model_validator

from cupel.contract import Method, Rule
from cupel.contract.rules import TESTS
from cupel.errors import BadOption
from cupel.rules._rule_set import RuleSet, signals_of

__all__ = ["OwnThreshold"]


def _options() -> type[Method.Options]:
    """The options; made by a call because `is` and `in` cannot be written as field names."""
    number = Annotated[float, Field(strict=True, allow_inf_nan=False)] | None
    words = Annotated[list[StrictStr], Field(min_length=1)] | None
    fields: dict[str, Any] = {
        "signal": (StrictStr, Field(description="The signal column to compare.")),
        "name": (
            StrictStr | None,
            Field(None, description="What ledger and report call it."),
        ),
        "at_least": (number, Field(None, description="The lowest value kept.")),
        "at_most": (number, Field(None, description="The highest value kept.")),
        "above": (number, Field(None, description="Values above this are kept.")),
        "below": (number, Field(None, description="Values below this are kept.")),
        "is": (
            StrictBool | StrictStr | None,
            Field(None, description="The one value kept."),
        ),
        "in": (words, Field(None, description="The values kept.")),
        "missing": (
            Literal["fails", "passes"],
            Field("fails", description="What happens to a document without a value."),
        ),
    }
    validators: dict[str, Any] = {"one_test": model_validator(mode="after")(_check_one_test)}
    return create_model(
        "Options of threshold",
        __base__=Method.Options,
        __doc__="One condition on one signal.",
        __validators__=validators,
        **fields,
    )


def _check_one_test(options: Method.Options) -> Method.Options:
    tests = [test for test in TESTS if getattr(options, test) is not None]
    if len(tests) != 1:
        raise ValueError(f"give exactly one of {', '.join(TESTS)}, not {len(tests)}")
    return options


class OwnThreshold(RuleSet):
    """A threshold on any signal.

    Keeps documents whose signal meets one condition, given in the recipe:

    ```yaml
    steps:
      - threshold: {signal: digit_fraction, at_most: 0.2, name: few_digits}
    ```

    Give exactly one of `at_least`, `at_most`, `above`, `below`, `is` and `in`. Any signal
    column can be named, and any count that an edit before this step gives.
    """

    name = "threshold"
    cost = "that of measuring its signal"
    limits = "One condition per step; write several steps for several conditions."

    Options = _options()

    def __init__(self, options: Method.Options | None = None) -> None:
        if options is None:
            raise BadOption("threshold: needs a signal and one of " + ", ".join(TESTS))
        self.options = options
        values = options.model_dump()
        test = next(test for test in TESTS if values[test] is not None)
        value = values[test]
        self.rules = (
            Rule(
                values["name"] or values["signal"],
                values["signal"],
                test,
                tuple(value) if isinstance(value, list) else value,
                source="this recipe",
                missing=values["missing"],
            ),
        )
        self.signals = signals_of(self.rules)
