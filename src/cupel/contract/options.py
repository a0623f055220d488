"""Options of corpus methods that the recipe implements; it checks for these classes, not for option names.

A method with one of these options derives its `Options` from the class here, and may narrow the values.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from cupel.contract.method import Method

__all__ = [
    "Acts",
    "BoundsCopies",
    "Compares",
    "ComparesKeys",
    "Computes",
    "Keeps",
    "PrefersSources",
    "Remembers",
]


class Acts(Method.Options):
    """The action on what the method finds; without this option documents are dropped."""

    action: Literal["drop", "cut", "weigh", "mark"]


class Computes(Method.Options):
    """Where a model that the method loads computes. On a cluster, what computes on GPUs has one process for each."""

    device: str = Field(
        "cpu",
        pattern=r"^(cpu|cuda(:\d+)?|mps)$",
        description="Where a model that is loaded here computes: `cpu`, `cuda`, `cuda:1`, `mps`. Beyond the CPU the last "
        "digits may depend on the machine.",
    )


class Keeps(Method.Options):
    """Which document of a cluster stays; without this option the first."""

    keep: str = Field(
        "longest",
        pattern=r"^(longest|first|signal:[a-z0-9_]+)$",
        description="Which document of a cluster stays: `longest`, `first` (in input order), or "
        "`signal:NAME` for the highest value of a signal. Ties go to the first. A document of weight 0 never "
        "stays in place of one with a positive weight.",
    )


class PrefersSources(Method.Options):
    """Which sources come first; without this option documents are read in the order of the input."""

    sources: tuple[str, ...] = Field(
        (),
        description="Sources in order of preference: when copies appear in several sources, the copy from the "
        "first listed source is kept. Unlisted sources come last, all with equal preference.",
    )


class BoundsCopies(Method.Options):
    """The maximum share of copied text; without this option there is no maximum."""

    max_copied_fraction: float = Field(
        1.0,
        ge=0,
        le=1,
        description="A document of which a larger share is copied is dropped whole (`cut` and `drop`).",
    )


class Compares(Method.Options):
    """The part of a conversation to compare; without this option all of it."""

    compare: Literal["text", "prompt", "answer"] = Field(
        "text",
        description="What of a conversation is compared: its whole `text`, the `prompt` (all turns but those of the "
        "assistant), or the `answer`. A document without such turns is compared whole.",
    )


def _one_or_more(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


class ComparesKeys(Method.Options):
    """Which fields of documents are compared in place of their text; without this option the text is."""

    key: Annotated[
        tuple[Annotated[str, Field(min_length=1)], ...],
        BeforeValidator(_one_or_more, json_schema_input_type=str | list[str]),
    ] = Field(
        (),
        description="Fields that are compared in place of the text, one or several: `url`, `[source, title]`, "
        "`meta.page_id`. Documents are copies where all are equal; one that lacks one of them has no copy.",
        exclude_if=lambda key: not key,
    )


class Remembers(Method.Options):
    """The index of documents seen by earlier runs; without this option a run remembers nothing."""

    index: str | None = Field(
        None,
        description="Folder of what earlier runs have seen. Documents that are in it go, the earlier ones stay "
        "untouched; what stays of this corpus is remembered once the run is finished. Made if it is not there.",
    )
