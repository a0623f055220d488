"""A finding on disk.

FOLDER/
  tables/NAME.parquet     its tables
  artifacts/NAME/         what the method made, such as a model
  finding.json            method, options, inputs, figures, sections, and a digest of every file; written last
  report.html             the page, drawn from finding.json
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from cupel.contract.finding import DOCUMENT_TABLE, Finding, FindingMethod
from cupel.errors import BadInput, UnknownName
from cupel.findings import Page, Section
from cupel.notebook import page_html
from cupel.store import Key, digest_file, make_folder

__all__ = ["FINDING", "KeptFinding", "is_finding", "write_finding"]

FINDING = "finding.json"
"""The file that makes a folder a finding."""


@dataclass(frozen=True)
class KeptFinding:
    """A finding in a folder.

    Attributes
    ----------
    folder
        Path of the folder.
    record
        Content of `finding.json`.
    """

    folder: Path
    record: Mapping[str, Any]

    @classmethod
    def read(cls, folder: str | Path) -> KeptFinding:
        """The finding of a folder.

        Raises
        ------
        BadInput
            There is no finding, or it cannot be read.
        """
        path = Path(folder)
        try:
            return cls(path, dict(json.loads((path / FINDING).read_bytes())))
        except FileNotFoundError:
            what = f"holds no finding (no {FINDING})" if path.is_dir() else "is not there"
            raise BadInput(
                f"finding {path} {what}; `cupel attribute`, `audit`, `study` and `update` make findings"
            ) from None
        except (OSError, ValueError, TypeError) as error:
            raise BadInput(f"finding {path}: {FINDING} cannot be read: {error}") from None

    @property
    def method(self) -> str:
        """The name of the method that made it."""
        return str(self.record["method"])

    @property
    def about(self) -> Mapping[str, Any]:
        """The figures behind it."""
        return dict(self.record["about"])

    @property
    def report(self) -> Path:
        """The page."""
        return self.folder / "report.html"

    def table(self, name: str) -> pa.Table:
        """One of its tables.

        Raises
        ------
        UnknownName
            No such name; the message suggests the nearest.
        """
        if name not in self.record["tables"]:
            raise UnknownName("table", name, self.record["tables"], where=f"finding {self.folder}")
        return pq.read_table(self.folder / "tables" / f"{name}.parquet")

    def artifact(self, name: str) -> Path:
        """The folder of one of its artifacts.

        Raises
        ------
        UnknownName
            No such name; the message suggests the nearest.
        """
        if name not in self.record["artifacts"]:
            raise UnknownName("artifact", name, self.record["artifacts"], where=f"finding {self.folder}")
        return self.folder / "artifacts" / name

    @cached_property
    def sections(self) -> tuple[Section, ...]:
        """Tables and figures."""
        return tuple(Section.model_validate(section) for section in self.record["sections"])

    def page(self) -> Page:
        """The report, as data."""
        return Page(
            title=str(self.record["title"]),
            subtitle=f"{self.method} · {' '.join(self.record['words'])}",
            facts=tuple((str(name), str(value)) for name, value in self.record["facts"]),
            sections=self.sections,
        )

    def __repr__(self) -> str:
        return f"KeptFinding({str(self.folder)!r}, {self.method}: tables {', '.join(self.record['tables'])})"

    def _repr_html_(self) -> str:
        return page_html(self.page())


def write_finding(finding: Finding, method: FindingMethod, key: Key, folder: Path) -> None:
    """Write a finding into a folder whose `artifacts` the method has filled; `finding.json` comes last.

    Raises
    ------
    BadInput
        The table by document does not hold what the method declares.
    """
    _check_documents(finding, method)
    make_folder(folder / "tables")
    for name, table in finding.tables.items():
        pq.write_table(table, folder / "tables" / f"{name}.parquet", compression="zstd")
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    record = {
        "method": method.name,
        "kind": method.kind,
        "title": method.title(),
        "version": method.version,
        "words": key.options["words"],
        "options": {name: value for name, value in key.options.items() if name != "words"},
        "inputs": dict(key.inputs),
        "facts": list(finding.facts),
        "about": dict(finding.about),
        "tables": {
            name: {
                "rows": table.num_rows,
                "columns": {field.name: str(field.type) for field in table.schema},
            }
            for name, table in finding.tables.items()
        },
        "artifacts": list(finding.artifacts),
        "sections": [section.model_dump(mode="json") for section in finding.sections],
        "files": {path.relative_to(folder).as_posix(): digest_file(path) for path in files},
    }
    text = json.dumps(record, indent=1, ensure_ascii=False)
    (folder / FINDING).write_text(text + "\n", "utf-8")


def is_finding(folder: Path) -> bool:
    """Whether the folder holds a finding with every file intact."""
    try:
        files = KeptFinding.read(folder).record["files"]
        return all(digest_file(folder / name) == digest for name, digest in files.items())
    except (BadInput, OSError, KeyError):
        return False


def _check_documents(finding: Finding, method: FindingMethod) -> None:
    """Check that a table by document can be joined: unique ids, and the columns that the method declares."""
    table = finding.tables.get(DOCUMENT_TABLE)
    expected = {"id": pa.large_string(), **{name: column.type for name, column in method.columns.items()}}
    if table is None:
        if method.columns:
            raise BadInput(
                f"{method.name}: declares columns, and its finding has no table '{DOCUMENT_TABLE}'"
            )
        return
    for name, type_ in expected.items():
        if name not in table.column_names or table.schema.field(name).type != type_:
            raise BadInput(f"{method.name}: table '{DOCUMENT_TABLE}' needs a column '{name}' of type {type_}")
    ids = table["id"]
    if pc.count_distinct(ids, mode="all").as_py() != table.num_rows:
        raise BadInput(
            f"{method.name}: an id stands twice in table '{DOCUMENT_TABLE}'; expected one row per document"
        )
