"""Under which name and version this library is installed."""

from __future__ import annotations

from importlib.metadata import version as installed_version

__all__ = ["DISTRIBUTION", "version"]

DISTRIBUTION = "cupel-data"
"""What package managers call it: on the Python Package Index, plain "cupel" is another project."""


def version() -> str:
    """The version that is installed, such as `0.1.0`.

    Examples
    --------
    >>> version().count(".")
    2
    """
    return installed_version(DISTRIBUTION)
