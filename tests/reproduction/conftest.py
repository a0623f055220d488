from collections.abc import Iterator

import pytest


@pytest.fixture(scope="module", autouse=True)
def _no_compiler() -> Iterator[None]:
    # Compiling takes far longer than these trials; the trainer is the same without.
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CXX", "/nowhere/g++")
        yield
