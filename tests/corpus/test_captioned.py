"""Folders of images with captions: samples in, what is broken aside, and the same files out."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cupel import Corpus
from cupel.corpus.files import find_files, scan
from cupel.corpus.parts import parts_of
from cupel.corpus.records import ReadOptions
from cupel.errors import BadInput, InputChanged, LossyConversion

from .reading import png, read_all

FILES = {
    "a/1.png": png(3, 4),
    "a/1.txt": "Café\r\n".encode(),
    "a/1.json": b'{"id": "x", "n": 1}',
    "b/2.jpg": png(5, 6),
    "b/2.caption": "東京".encode(),
    "b/3.png": png(7, 8),
    "b/3.json": b'{"caption": "three",  "url": "https://host.example/3"}',
}


def _folder(root: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    return root


def _files(root: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()
    }


def test_an_image_and_what_is_beside_it_are_one_document(tmp_path: Path) -> None:
    contents = read_all(_folder(tmp_path, FILES))
    assert not contents.quarantined
    assert contents.texts == ["Café\n", "東京", "three"]
    assert [(row["id"], row["source"], row["url"]) for row in contents.rows][::2] == [
        ("x", "a", None),
        (contents.rows[2]["id"], "b", "https://host.example/3"),
    ]
    assert json.loads(contents.rows[0]["metadata"]) == {"n": 1}
    assert [Path(row["path"]).name for row in contents.rows] == ["1.png", "2.jpg", "3.png"]
    parts = parts_of(contents.rows[0]["parts"]) or []
    assert [part.kind for part in parts] == ["layout", "image", "data", "text"]
    media = parts[1].media
    assert media is not None
    assert (media.uri, media.offset, media.width) == (str(tmp_path / "a/1.png"), None, 3)
    assert contents.bytes_read == sum(map(len, FILES.values()))


def test_the_same_folder_is_written(tmp_path: Path) -> None:
    corpus = Corpus.read(_folder(tmp_path / "in", FILES))
    assert corpus.write(tmp_path / "out") == 3
    assert _files(tmp_path / "out") == FILES
    with pytest.raises(BadInput, match="exists already"):
        corpus.write(tmp_path / "out")


def test_a_folder_becomes_an_archive_a_table_and_a_folder_again(tmp_path: Path) -> None:
    corpus = Corpus.read(_folder(tmp_path / "in", FILES | {"b/4.5.png": png(1, 1), "b/4.5.txt": b"four"}))
    assert corpus.write(tmp_path / "pool.tar") == 4
    archived = Corpus.read(tmp_path / "pool.tar")
    assert archived.to_arrow()["text"].to_pylist() == corpus.to_arrow()["text"].to_pylist()
    assert archived.to_arrow()["id"].to_pylist() == corpus.to_arrow()["id"].to_pylist()
    assert archived.write(tmp_path / "again") == 4
    assert _files(tmp_path / "again") == FILES | {"b/4_5.png": png(1, 1), "b/4_5.txt": b"four"}
    assert corpus.write(tmp_path / "pool.parquet", "image-text") == 4
    row = pq.read_table(tmp_path / "pool.parquet").to_pylist()[0]
    assert row["image"] == {"bytes": png(3, 4), "path": "1.png"}
    assert (row["text"], row["n"]) == ("Café\r\n", 1)


def test_what_is_broken_is_put_aside(tmp_path: Path) -> None:
    broken = {
        "a/cut.png": png(1, 1)[:-1],
        "a/cut.txt": b"A",
        "a/empty.png": b"",
        "a/empty.txt": b"A",
        "a/silent.png": png(1, 1),
        "a/silent.txt": b"",
        "a/lonely.png": png(1, 1),
        "a/odd.png": png(1, 1),
        "a/odd.txt": b"\xff\xfe\x00\xd8A",
        "a/notes.txt": b"a text alone is a document",
        "c/logo.png": png(1, 1),
    }
    contents = read_all(_folder(tmp_path, FILES | broken))
    entries = {Path(entry.path).name: (entry.position, entry.reason) for entry in contents.quarantined}
    assert entries == {
        "cut.png": (1, "truncated-image"),
        "empty.png": (1, "empty-medium"),
        "silent.png": (1, "empty-text"),
        "lonely.png": (1, "no-caption"),
        "odd.png": (1, "invalid-utf8"),
    }
    assert len(contents.quarantined) == 5
    assert contents.texts == ["Café\n", "a text alone is a document", "東京", "three"]
    (left,) = scan([str(tmp_path)]).left_out
    assert (left.kind, left.names) == (".png", ["c/logo.png"])


def test_a_pool_beside_a_picture_of_its_name_stays_a_pool(tmp_path: Path) -> None:
    files = {
        "pool.png": png(1, 1),
        "pool.json": b'[{"text": "A"}, {"text": "B"}]',
        "lines.png": png(1, 1),
        "lines.txt": b'{"text": "C"}\n{"text": "D"}\n',
        "plot.png": png(1, 1),
        "plot.json": b'{"width": 3}',
        "readme.png": png(1, 1),
        "readme.md": b"E",
    }
    contents = read_all(_folder(tmp_path, files))
    assert sorted(contents.texts) == ["A", "B", "C", "D", "E", '{"width": 3}']
    assert all(row["parts"] is None for row in contents.rows)
    (left,) = scan([str(tmp_path)]).left_out
    assert (left.kind, left.files) == (".png", 4)


def test_named_files_and_globs(tmp_path: Path) -> None:
    _folder(tmp_path, FILES)
    assert read_all(tmp_path / "a/1.txt", tmp_path / "a/1.png").texts == ["Café\n"]
    assert read_all(str(tmp_path / "b/*")).texts == ["東京", "three"]
    assert read_all(tmp_path / "b/2.jpg").reasons == ["binary"]
    assert read_all(tmp_path / "b/2.caption", format="text").texts == ["東京"]


def test_a_changed_image_or_caption_is_noticed(tmp_path: Path) -> None:
    _folder(tmp_path, FILES)
    before = find_files([str(tmp_path)])
    (tmp_path / "b/2.caption").write_bytes("大阪".encode())
    after = find_files([str(tmp_path)])
    assert [old.digest == new.digest for old, new in zip(before, after, strict=True)] == [True, False, True]
    corpus = Corpus.read(tmp_path)
    (tmp_path / "a/1.png").write_bytes(png(3, 5))
    with pytest.raises(InputChanged, match=r"1\.png or .*1\.json or .*1\.txt changed while it was read"):
        corpus.count()


def test_what_a_folder_cannot_hold(tmp_path: Path) -> None:
    chat = tmp_path / "chat.jsonl"
    chat.write_text('{"messages": [{"role": "user", "content": "A"}]}')
    with pytest.raises(BadInput, match="of the layout 'messages', and no sample of media"):
        Corpus.read(chat).write(tmp_path / "out")
    _folder(tmp_path / "x/a", {"1.png": png(1, 1), "1.txt": b"A"})
    _folder(tmp_path / "y/a", {"1.png": png(1, 1), "1.txt": b"A"})
    with pytest.raises(BadInput, match=r"there is a file 'a/1\.png' already"):
        Corpus.read([tmp_path / "x", tmp_path / "y"]).write(tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert not list(tmp_path.glob(".*"))


IMAGES = {f"train/{number}.png": png(number + 1, 1) for number in range(4)}
ROWS = [
    {"file_name": "0.png", "text": "zero", "n": 0},
    {"file_name": "1.png", "text": "東京", "n": 1},
    {"file_name": "../secret.png", "text": "A", "n": 2},
    {"file_name": "missing.png", "text": "A", "n": 3},
    {"file_name": None, "text": "A", "n": 4},
]


def _metadata(kind: str, rows: list[dict[str, Any]]) -> bytes:
    if kind == "jsonl":
        return b"".join(json.dumps(row).encode() + b"\n" for row in rows)
    if kind == "csv":
        target = io.StringIO()
        writer = csv.DictWriter(target, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
        return target.getvalue().encode()
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), sink)
    return sink.getvalue()


@pytest.mark.parametrize("kind", ["jsonl", "csv", "parquet"])
def test_a_file_that_names_images(tmp_path: Path, kind: str) -> None:
    _folder(tmp_path, IMAGES | {f"train/metadata.{kind}": _metadata(kind, ROWS), "secret.png": png(1, 1)})
    contents = read_all(tmp_path)
    assert contents.texts == ["zero", "東京"]
    assert contents.reasons == ["refused-path", "no-medium", "no-medium"]
    media = (parts_of(contents.rows[1]["parts"]) or [])[1].media
    assert media is not None
    assert (media.uri, media.width) == (str(tmp_path / "train/1.png"), 2)
    assert {left.kind: left.files for left in scan([str(tmp_path)]).left_out} == {
        f"media beside metadata.{kind}": 4,
        ".png": 1,
    }
    corpus = Corpus.read(tmp_path)
    rows = [row | {"n": str(row["n"])} if kind == "csv" else row for row in ROWS[:2]]
    assert list(corpus.rows()) == rows
    corpus.write(tmp_path / "pool.parquet", "image-text")
    table = pq.read_table(tmp_path / "pool.parquet").to_pylist()
    assert table[1]["image"] == {"bytes": png(2, 1), "path": "1.png"}
    corpus.write(tmp_path / "pool.tar")
    assert read_all(tmp_path / "pool.tar").texts == ["zero", "東京"]


def test_lists_and_other_columns_of_names(tmp_path: Path) -> None:
    row = {"file_names": ["0.png", "1.png"], "mask_file_name": "2.png", "caption": "two"}
    _folder(tmp_path, IMAGES | {"train/metadata.jsonl": _metadata("jsonl", [row])})
    corpus = Corpus.read(tmp_path)
    assert list(corpus.rows()) == [row]
    (cells,) = corpus.rows("image-text")
    assert [cell["path"] for cell in cells["images"]] == ["0.png", "1.png"]
    assert cells["mask"]["bytes"] == png(3, 1)
    with pytest.raises(LossyConversion, match="3 media and 1 captions"):
        corpus.write(tmp_path / "out")


def test_a_metadata_file_that_names_no_images_is_a_table_as_before(tmp_path: Path) -> None:
    rows = [{"file_name": "src/a.py", "text": "print()"}]
    _folder(tmp_path, IMAGES | {"train/metadata.jsonl": _metadata("jsonl", rows)})
    contents = read_all(tmp_path)
    assert contents.texts == ["print()"]
    assert contents.rows[0]["parts"] is None


def test_a_folder_of_images_can_be_named(tmp_path: Path) -> None:
    _folder(tmp_path, IMAGES | {"captions.csv": _metadata("csv", ROWS[:2])})
    contents = read_all(tmp_path / "captions.csv", options=ReadOptions(media_root=str(tmp_path / "train")))
    assert [len(row["parts"]) for row in contents.rows] == [3, 3]


def test_a_split_file_names_its_images_all_the_same(tmp_path: Path) -> None:
    rows = [{"file_name": f"{number % 4}.png", "text": f"{number} " * 50} for number in range(100)]
    _folder(tmp_path, IMAGES | {"train/metadata.jsonl": _metadata("jsonl", rows)})
    split = read_all(tmp_path, target_bytes=2000)
    assert len(split.batch_rows) > 1
    assert split.rows == read_all(tmp_path).rows
