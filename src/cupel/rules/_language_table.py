"""Tables of thresholds by language: YAML in, complete rows out."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict

from cupel.errors import UnknownName

__all__ = ["LanguageTable", "Row", "built_in_tables", "read_table"]

Row = dict[str, float | None]
"""Thresholds by the name of their rule; null switches a rule off."""

_PARTS = ("all", "languages", "others")


class LanguageTable(BaseModel):
    """Thresholds by language.

    Attributes
    ----------
    all
        Thresholds of every row that does not set them itself.
    languages
        Rows by label of the language, as the identifier gives it.
    others
        What happens to all other languages: `drop`, or a row.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    all: Row = {}
    languages: dict[str, Row]
    others: Literal["drop"] | Row = "drop"

    def thresholds(self, rule: str) -> tuple[dict[str, float | None], float | None]:
        """The threshold of a rule in each language, and in all others."""
        base = self.all.get(rule)
        others = base if self.others == "drop" else self.others.get(rule, base)
        return {language: row.get(rule, base) for language, row in self.languages.items()}, others

    def rules(self) -> Collection[str]:
        """The names of all rules that the table mentions."""
        rows = [self.all, *self.languages.values(), *([] if self.others == "drop" else [self.others])]
        return dict.fromkeys(rule for row in rows for rule in row)


def built_in_tables() -> dict[str, str]:
    """The tables that come with the package: their text by name.

    >>> "multilingual" in built_in_tables()
    True
    """
    folder = files("cupel.rules") / "tables"
    return {
        file.name.removesuffix(".yaml"): file.read_text(encoding="utf-8")
        for file in sorted(folder.iterdir(), key=lambda file: file.name)
        if file.name.endswith(".yaml")
    }


def read_table(value: Any, rules: Collection[str]) -> Any:
    """A table as plain data: as it is, from a file, or from the package by name.

    Raises
    ------
    ValueError
        There is no such file or table, the file is no mapping, or it names a rule that there is not.
    """
    if isinstance(value, str):
        value = _parsed(value)
    if not isinstance(value, Mapping):
        return value
    for part in value:
        if part not in _PARTS:
            raise ValueError(str(UnknownName("part of a table", str(part), _PARTS)))
    languages = value.get("languages")
    rows = {"all": value.get("all"), "others": value.get("others")}
    rows |= {
        f"languages.{name}": row
        for name, row in (languages if isinstance(languages, Mapping) else {}).items()
    }
    for place, row in rows.items():
        for rule in row if isinstance(row, Mapping) else ():
            if rule not in rules:
                raise ValueError(str(UnknownName("rule", str(rule), rules, where=place)))
    if isinstance(languages, Mapping):
        # YAML reads the label of Norwegian as false.
        labels = {("no" if name is False else str(name)): row or {} for name, row in languages.items()}
        value = {**value, "languages": labels}
    return value


def _parsed(name: str) -> Any:
    tables = built_in_tables()
    if name in tables:
        text = tables[name]
    elif Path(name).is_file():
        text = Path(name).read_text(encoding="utf-8")
    elif name.endswith((".yaml", ".yml")) or "/" in name:
        raise ValueError(f"there is no file {name}")
    else:
        raise ValueError(str(UnknownName("table", name, tables)))
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(f"{name} is not readable as YAML: {str(error).splitlines()[0]}") from None
