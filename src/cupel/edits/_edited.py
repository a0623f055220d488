"""From a kernel's record batch to `Edited`."""

from __future__ import annotations

import pyarrow as pa

from cupel.methods import Edited

__all__ = ["edited"]


def edited(batch: object) -> Edited:
    """The column `text` as the text, all others as counts."""
    found = pa.record_batch(batch)
    counts = {name: found.column(name) for name in found.schema.names if name != "text"}
    return Edited(found.column("text"), counts)
