"""Results as data: what a run or a method found, for a page or a terminal to lay out.

A method never prints. It gives sections of blocks; `report/` and `cli/` lay them out and
know no method by name. Everything here turns into plain JSON and back.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = [
    "Alarm",
    "Block",
    "Code",
    "Facts",
    "Figure",
    "Links",
    "Page",
    "Prose",
    "Sample",
    "Samples",
    "Section",
    "Table",
]


class _Data(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Prose(_Data):
    """A paragraph of plain text."""

    block: Literal["prose"] = "prose"
    text: str


class Alarm(_Data):
    """Something that needs a look before the result is used."""

    block: Literal["alarm"] = "alarm"
    text: str


class Code(_Data):
    """Text to be read as it stands, line by line: a recipe, a command."""

    block: Literal["code"] = "code"
    text: str
    caption: str = ""


class Facts(_Data):
    """A few named values side by side, already written with their units."""

    block: Literal["facts"] = "facts"
    facts: tuple[tuple[str, str], ...]


class Table(_Data):
    """Rows under named columns. Numbers stay numbers; `formats` says how to write a column.

    A format is one of `count` (12,345), `bytes` (1.2 MB), `percent` (a fraction, 12.3 %),
    `number` (3 significant digits), `seconds`, `age` (how long ago), `text`, `line` (text that a terminal cuts rather
    than wraps), `bar` (a fraction, drawn).
    """

    block: Literal["table"] = "table"
    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    formats: tuple[str, ...] = ()
    caption: str = ""


class Figure(_Data):
    """A chart as a Vega-Lite specification with its data inside."""

    block: Literal["figure"] = "figure"
    spec: dict[str, Any]
    caption: str = ""


class Sample(_Data):
    """One document shown: who it is, why it is here, the text (cut), and marked spans."""

    id: str
    source: str = ""
    note: str = ""
    text: str
    marks: tuple[tuple[int, int], ...] = ()


class Samples(_Data):
    """Documents to look at, under one heading."""

    block: Literal["samples"] = "samples"
    heading: str
    samples: tuple[Sample, ...]


class Links(_Data):
    """Files and folders of this machine to go on to, each with its words and its path."""

    block: Literal["links"] = "links"
    links: tuple[tuple[str, str], ...]


Block = Annotated[
    Prose | Alarm | Code | Facts | Table | Figure | Samples | Links, Field(discriminator="block")
]


class Section(_Data):
    """One part of a report: a title, one sentence that says what to see, and blocks.

    `key` says which part it is to whoever shows only some of them: `funnel`, `duplicates`. Titles are for people.
    """

    title: str
    key: str = ""
    lead: str = ""
    blocks: tuple[Block, ...] = ()


class Page(_Data):
    """A whole report: headline numbers, then sections.

    `summary` is the essential of it, for a terminal, which shows it instead of facts and sections unless all is asked
    for. Alarms need not be in it: they are shown before it, from whichever section they are in.
    """

    title: str
    subtitle: str = ""
    facts: tuple[tuple[str, str], ...] = ()
    sections: tuple[Section, ...] = ()
    summary: tuple[Section, ...] = ()
    footer: str = ""
