"""Surveys and reports that arrange the field, and where each of their items leads here: `surveys.yaml`."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, model_validator

from cupel.contract import Paper

__all__ = ["FieldSurvey", "SurveyItem", "read_surveys"]


class SurveyItem(BaseModel):
    """One item of a survey, and where it leads.

    Attributes
    ----------
    item
        As the survey has it.
    commands
        What to type, as `cupel …`.
    methods
        Names of methods.
    note
        A few words about them.
    missing
        What there is nothing for, in a few words; empty if nothing is missing.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    item: str
    commands: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    note: str = ""
    missing: str = ""

    @model_validator(mode="after")
    def _leads_somewhere(self) -> SurveyItem:
        if not (self.commands or self.methods or self.missing):
            raise ValueError(f"'{self.item}' leads nowhere; expected commands, methods, or what is missing")
        return self


class FieldSurvey(BaseModel):
    """One survey: its paper, the heading and the introduction of its list, and the items."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    paper: Paper
    heading: str
    lead: str
    items: tuple[SurveyItem, ...]


@cache
def read_surveys() -> tuple[FieldSurvey, ...]:
    """The surveys, in the order of the file.

    >>> read_surveys()[0].items[0].item
    'Data-centric benchmarks and data curation'
    """
    records = yaml.safe_load(Path(__file__).with_name("surveys.yaml").read_text("utf-8"))
    return tuple(FieldSurvey.model_validate(record) for record in records)
