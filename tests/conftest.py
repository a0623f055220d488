"""Fixtures that all tests share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


def shared_data() -> Path | None:
    """The folder of shared test data, or None where there is none."""
    root = Path(__file__).resolve().parents[1]
    named = os.environ.get("CUPEL_SHARED")
    places = [Path(named)] if named else [root / "../shared", root / "../../shared"]
    return next((place.resolve() for place in places if (place / "data").is_dir()), None)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of shared test data; skips where there is none."""
    found = shared_data()
    if found is None:
        pytest.skip("needs the shared data; set CUPEL_SHARED to its folder")
    return found
