"""`cupel verify`: what it prints and its exit status."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cupel as library
from tests.cli.test_commands import cupel


def test_verify_names_damaged_files(make_pool: Callable[..., Path], tmp_path: Path) -> None:
    recipe = library.Recipe.from_dict({"name": "once", "steps": ["exact"]})
    done = library.refine(recipe, input=make_pool(20, 1), output=tmp_path / "out")
    whole = cupel("verify", done.output)
    assert "files whole" in whole.stdout
    assert whole.stdout.count("\n") == 1
    data = done.output / "data" / done.manifest["data_files"][0]
    data.write_bytes(b"")
    damaged = cupel("verify", done.output, status=1)
    assert f"{data}: has 0 bytes, expected" in damaged.stdout
    assert "damaged; --restart" in damaged.stderr
    assert "no run of Cupel" in cupel("verify", tmp_path / "nowhere", status=1).stderr
