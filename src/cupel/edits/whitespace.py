"""White space."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import pyarrow as pa
from pydantic import Field

from cupel.contract import Column, Edit, Edited, Method
from cupel.edits._edited import edited

__all__ = ["Whitespace"]


class Whitespace(Edit):
    r"""White space tidied.

    Runs of spaces, tabs and no-break spaces inside a line become one space; white space at the
    end of lines is removed (so `\r\n` becomes `\n`); runs of blank lines are cut to
    `max_blank_lines`, and blank lines at both ends of the text are removed. Indentation is kept by
    default. Only white space is touched, and a second pass changes nothing.

    Examples
    --------
    >>> import pyarrow as pa
    >>> edited = Whitespace().edit(pa.record_batch({"text": ["The  Café \r\n\n\n\n  in 東京\n"]}))
    >>> edited.text.to_pylist(), edited.columns["whitespace_removed_characters"].to_pylist()
    (['The Café\n\n  in 東京'], [6])
    """

    name = "whitespace"
    stages = ("pretraining", "instruction tuning")
    cost = "one pass over the text; see benchmarks"
    limits = "Columns aligned by spaces (tables, ASCII figures) lose their alignment."
    columns: ClassVar[Mapping[str, Column]] = {
        "whitespace_removed_characters": Column(pa.int64(), "characters", "code points removed"),
    }

    class Options(Method.Options):
        """What is done to white space."""

        collapse_spaces: bool = Field(
            True, description="runs of spaces and tabs inside lines become one space"
        )
        keep_indentation: bool = Field(True, description="keep white space at the start of lines")
        strip_line_ends: bool = Field(True, description="remove white space at the end of lines")
        max_blank_lines: int | None = Field(
            1, ge=0, description="maximum number of blank lines in a row; null keeps them all"
        )

    options: Options

    def edit(self, documents: pa.RecordBatch) -> Edited:
        from cupel import _kernels

        return edited(_kernels.clean_whitespace(documents.column("text"), **self.options.model_dump()))
