"""Random numbers of documents: each document has its own, wherever it stands and whoever asks."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from cupel.store import seeded_rank

__all__ = ["uniform"]


def uniform(ids: pa.Array, seed: int) -> npt.NDArray[np.float64]:
    """A number in (0, 1) for each id, which the id and the seed decide.

    Examples
    --------
    >>> uniform(pa.array(["a", "東京"]), seed=0).round(3).tolist()
    [0.725, 0.933]
    """
    ranks = b"".join(seeded_rank(id or "", seed) for id in ids.to_pylist())
    numbers: npt.NDArray[np.float64] = (np.frombuffer(ranks, ">u8") >> np.uint64(11)).astype(np.float64)
    return (numbers + 0.5) / float(1 << 53)
