"""A random order of any length that takes no memory: each place is computed when it is asked for."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["mix", "permute"]

_ROUNDS = 6


def mix(values: NDArray[np.uint64], key: int) -> NDArray[np.uint64]:
    """A well-mixed 64-bit hash of each value (the finaliser of SplitMix64, Steele et al. 2014).

    >>> int(mix(np.array([1], np.uint64), 0)[0])
    6238072747940578789
    """
    with np.errstate(over="ignore"):
        bits = values ^ np.uint64(key & 0xFFFFFFFFFFFFFFFF)
        bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        mixed: NDArray[np.uint64] = bits ^ (bits >> np.uint64(31))
    return mixed


def permute(places: NDArray[np.int64], length: int, key: int) -> NDArray[np.int64]:
    """Where each of `places` goes in the permutation of `range(length)` that `key` names.

    A Feistel network over the next power of four, walked until it falls inside (Black and Rogaway,
    "Ciphers with arbitrary finite domains", 2002): at most four steps on average from 64 places on, no table.

    Parameters
    ----------
    places
        Numbers below `length`, in any order.
    length
        How many there are to permute.
    key
        Which permutation; a 64-bit seed.

    Examples
    --------
    >>> sorted(permute(np.arange(10), 10, key=7).tolist()) == list(range(10))
    True
    """
    # Over few bits a Feistel network does not reach all permutations evenly.
    half = max(4, ((max(length - 1, 1)).bit_length() + 1) // 2)
    keys = [int(k) for k in mix(np.arange(1, _ROUNDS + 1, dtype=np.uint64), key)]
    permuted = places.astype(np.uint64)
    waiting = np.arange(len(permuted))
    while len(waiting):
        moved = _feistel(permuted[waiting], half, keys)
        permuted[waiting] = moved
        waiting = waiting[moved >= length]
    return permuted.astype(np.int64)


def _feistel(values: NDArray[np.uint64], half: int, keys: list[int]) -> NDArray[np.uint64]:
    mask, shift = np.uint64((1 << half) - 1), np.uint64(half)
    left, right = values >> shift, values & mask
    for key in keys:
        left, right = right, left ^ (mix(right, key) & mask)
    return (left << shift) | right
