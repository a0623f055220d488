"""Options as people write them."""

from __future__ import annotations

from typing import Literal

import pytest
from pydantic import Field, ValidationError

from cupel.contract import Method, find_method
from cupel.errors import BadOption


class Written(Method.Options):
    """Lists, pairs and single values."""

    files: tuple[str, ...] = ()
    styles: tuple[Literal["medium", "qa"], ...] = ("medium",)
    edges: tuple[float, ...] | None = None
    pair: tuple[int, int] = (1, 2)
    name: str = ""
    table: dict[str, str] = Field(default_factory=dict)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"files": "東京.jsonl"}, {"files": ("東京.jsonl",)}),
        ({"files": ["a", "b"]}, {"files": ("a", "b")}),
        ({"files": []}, {"files": ()}),
        ({"styles": "qa"}, {"styles": ("qa",)}),
        ({"edges": 30}, {"edges": (30.0,)}),
        ({"edges": None}, {"edges": None}),
        ({"name": "café"}, {"name": "café"}),
    ],
)
def test_a_single_value_stands_for_a_list_of_one(
    values: dict[str, object], expected: dict[str, object]
) -> None:
    options = Written.model_validate(values)
    assert {name: getattr(options, name) for name in expected} == expected


@pytest.mark.parametrize("values", [{"pair": 3}, {"files": {"a": 1}}, {"styles": "long"}, {"table": "a"}])
def test_what_is_no_list_is_refused(values: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Written.model_validate(values)


def test_a_file_may_be_named_where_several_can_be() -> None:
    against = find_method("decontaminate").from_options({"against": "gsm8k_test.jsonl"}).options
    assert against == find_method("decontaminate").from_options({"against": ["gsm8k_test.jsonl"]}).options
    with pytest.raises(BadOption, match="option 'against'"):
        find_method("decontaminate").from_options({"against": {"file": "gsm8k_test.jsonl"}})
