"""Methods in a file: what is loaded is what the file holds, and what is loaded decides digests."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

import cupel
from cupel.contract import OWN_METHODS, all_methods, find_method, label_columns, own_digests
from cupel.errors import BadInput

CODE = '''
import pyarrow as pa
import pyarrow.compute as pc

from cupel.contract import Column, Signal


class Marks(Signal):
    """Marks."""

    name = "own-marks"
    columns = {"own_marks": Column(pa.int64(), "marks", "how many")}
    limits = "Counts one mark."

    def measure(self, documents):
        marks = pc.cast(pc.count_substring(documents.column("text"), "!"), pa.int64())
        return pa.RecordBatch.from_pydict({"own_marks": marks})
'''


@pytest.fixture
def file(tmp_path: Path) -> Iterator[Path]:
    """A file of methods; what the test loads is forgotten after it."""
    path = tmp_path / "marks.py"
    path.write_text(CODE)
    yield path
    os.environ.pop(OWN_METHODS, None)
    all_methods.cache_clear()
    label_columns.cache_clear()


def marks(text: str) -> int:
    method = find_method("own-marks").from_options({})
    return method.measure(pa.record_batch({"text": [text]})).column("own_marks")[0].as_py()  # type: ignore[attr-defined]


def test_an_edit_of_the_same_size_and_time_is_loaded(file: Path) -> None:
    os.utime(file, (1e9, 1e9))
    assert cupel.load_methods(file) == ["own-marks"]
    assert marks("Café!! 東京?") == 2
    file.write_text(CODE.replace('"!"', '"?"'))
    os.utime(file, (1e9, 1e9))
    cupel.load_methods(file)
    assert marks("Café!! 東京?") == 1
    assert not (file.parent / "__pycache__").exists()


def test_digests_are_of_what_is_loaded(file: Path) -> None:
    cupel.load_methods(file)
    loaded = own_digests()
    file.write_text(CODE + "# edited\n")
    assert own_digests() == loaded
    cupel.load_methods(file)
    assert own_digests() != loaded


def test_a_path_that_no_list_of_paths_holds_is_refused(file: Path) -> None:
    folder = file.parent / f"a{os.pathsep}b"
    folder.mkdir()
    moved = file.rename(folder / "marks.py")
    with pytest.raises(BadInput, match="separates the paths"):
        cupel.load_methods(moved)
    assert OWN_METHODS not in os.environ


def test_a_file_is_compiled_by_its_own_rules(file: Path) -> None:
    file.write_text(
        CODE
        + "\n\ndef size(text: str) -> int:\n    return len(text)\n\n\nassert size.__annotations__['text'] is str\n"
    )
    assert cupel.load_methods(file) == ["own-marks"]
