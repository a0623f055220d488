"""From a kernel's record batch to `Edited`."""

from __future__ import annotations

import pyarrow as pa

from cupel.contract import Edited

__all__ = ["edited"]


def edited(batch: object) -> Edited:
    """The column `text` as the text, all others as counts."""
    columns = pa.record_batch(batch)
    counts = {name: columns.column(name) for name in columns.schema.names if name != "text"}
    return Edited(columns.column("text"), counts)
