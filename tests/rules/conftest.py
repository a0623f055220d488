"""The agreement benchmark as a module, for tests that compare with the reference."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="session")
def agreement() -> ModuleType:
    """`benchmarks/agreement.py`."""
    path = Path(__file__).resolve().parents[2] / "benchmarks" / "agreement.py"
    spec = importlib.util.spec_from_file_location("benchmark_agreement", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module
