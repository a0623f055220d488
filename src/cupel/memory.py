"""How much memory this process may still take: what is free, and what limits leave of it."""

from __future__ import annotations

import os
import resource
from pathlib import Path

__all__ = ["address_space_left", "free_bytes"]

CGROUPS = Path("/sys/fs/cgroup")
UNKNOWN = 1 << 32
"""Taken to be free where the system does not say."""


def free_bytes() -> int:
    """Bytes of memory that are free here, no more than limits of the process and of its container leave."""
    try:
        free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError):
        free = UNKNOWN
    left = (free, address_space_left(), container_left())
    return max(0, min(size for size in left if size is not None))


def address_space_left() -> int | None:
    """Bytes of address space that `ulimit -v` leaves this process; None where nothing limits it."""
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit == resource.RLIM_INFINITY:
        return None
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[0])
    except (OSError, ValueError):
        return limit
    return max(0, limit - pages * resource.getpagesize())


def container_left(membership: Path = Path("/proc/self/cgroup"), root: Path = CGROUPS) -> int | None:
    """Bytes that the limit of the container (cgroup, version 2) leaves, cached files not counted; None without."""
    try:
        group = next(line for line in membership.read_text().splitlines() if line.startswith("0::"))
    except (OSError, StopIteration):
        return None
    folder = root / group.removeprefix("0::").lstrip("/")
    left = [size for place in (folder, *folder.parents) if (size := _left_of(place)) is not None]
    return min(left, default=None)


def _left_of(group: Path) -> int | None:
    try:
        limit = int((group / "memory.max").read_text())  # "max" where there is none
        used = int((group / "memory.current").read_text())
        for line in (group / "memory.stat").read_text().splitlines():
            name, _, value = line.partition(" ")
            if name == "inactive_file":
                used -= int(value)
    except (OSError, ValueError):
        return None
    return max(0, limit - used)
