"""Samples of tar archives: members of one name as one document, and as the same members again."""

from __future__ import annotations

import hashlib
import io
import json
import struct
import tarfile
from pathlib import Path

import pytest
import zstandard

from cupel import Corpus
from cupel.corpus.media import MediaReader
from cupel.corpus.parts import Media, parts_of
from cupel.corpus.samples import write_samples
from cupel.errors import BadInput, InputChanged

from .reading import make_tar, read_all


def png(width: int, height: int, more: bytes = b"") -> bytes:
    """The beginning of a PNG file, which says how large the picture is."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + b"IHDR" + header + bytes(4) + more


def members(data: bytes) -> list[tuple[str, bytes]]:
    """Names and contents of an archive, in their order."""
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        return [(member.name, archive.extractfile(member).read()) for member in archive]  # type: ignore[union-attr]


POOL = {
    "a/000001.jpg": png(640, 480, b"1"),
    "a/000001.txt": "Café\r\n".encode(),
    "a/000001.json": b'{"url": "https://host.example/1",  "caption": "x", "nsfw": NaN, "id": 5}',
    "a/000002.cls": b"7",
    "a/000002.json": json.dumps({"caption": "東京", "width": 2}).encode(),
    "a/000002.webp": b"no picture",
    "a/000003.npy": b"\x93NUMPY\x00\x00",
    "a/000003.PNG": png(3, 5),
    "a/000003.seg.png": png(7, 9),
    "a/000003.caption": b"two pictures",
}


def test_a_sample_is_one_document(tmp_path: Path) -> None:
    path = tmp_path / "pool.tar"
    path.write_bytes(make_tar(POOL))
    found = read_all(path)
    assert found.texts == ["Café\n", "東京", "two pictures"]
    assert not found.quarantined
    assert [row["position"] for row in found.rows] == [1, 4, 7]
    assert [row["doc"] & 0xFF for row in found.rows] == [0, 1, 2]
    assert [(row["id"], row["url"]) for row in found.rows[:1]] == [("5", "https://host.example/1")]
    assert json.loads(found.rows[1]["metadata"]) == {"member": "a/000002", "width": 2}
    first, second, third = (parts_of(row["parts"]) or [] for row in found.rows)
    assert [part.kind for part in first] == ["layout", "image", "text", "data"]
    assert [part.kind for part in second] == ["layout", "data", "text", "image"]
    assert [part.kind for part in third] == ["layout", "data", "image", "image", "text"]
    image = first[1].media
    assert image is not None
    assert (image.mime, image.width, image.height, image.uri) == ("image/png", 640, 480, str(path))
    stored = POOL["a/000001.jpg"]
    assert path.read_bytes()[image.offset : (image.offset or 0) + (image.bytes or 0)] == stored
    assert image.digest == hashlib.blake2b(stored, digest_size=16).hexdigest()
    broken = second[3].media
    assert broken is not None
    assert (broken.mime, broken.width, broken.height) == ("image/webp", None, None)


@pytest.mark.parametrize("packed", [False, True])
def test_an_archive_is_written_as_it_was(tmp_path: Path, packed: bool) -> None:
    data = make_tar(POOL)
    path = tmp_path / ("pool.tar.zst" if packed else "pool.tar")
    path.write_bytes(zstandard.compress(data) if packed else data)
    assert Corpus.read(path).write_tar(tmp_path / "again.tar") == 3
    assert members((tmp_path / "again.tar").read_bytes()) == list(POOL.items())


def test_an_edited_caption_is_written_as_it_is_now(tmp_path: Path) -> None:
    path = tmp_path / "pool.tar"
    path.write_bytes(make_tar(POOL))
    documents = Corpus.read(path).to_arrow().to_pylist()
    for document in documents:
        for part in document["parts"]:
            part["text"] = "new" if part["kind"] == "text" else None
    write_samples(documents, tmp_path / "again.tar")
    again = dict(members((tmp_path / "again.tar").read_bytes()))
    assert again["a/000001.txt"] == b"new"
    assert json.loads(again["a/000002.json"]) == {"caption": "new", "width": 2}
    assert again["a/000001.json"] == POOL["a/000001.json"]


def test_members_that_are_no_samples_are_read_as_before(tmp_path: Path) -> None:
    pool = {
        "a.txt": b"one",
        "b.jpg": png(1, 1),
        "c.txt": b"two",
        "c.json": b'{"text": "three"}\n{"text": "four"}\n',
        "d.jpg": png(1, 1),
        "d.json": b'{"label": 1}',
        "e.jpg": png(1, 1),
        "e.txt": b"caf\xe9",
        "f.jpg": b"",
        "f.txt": b"five",
    }
    path = tmp_path / "pool.tar"
    path.write_bytes(make_tar(pool))
    found = read_all(path)
    assert found.texts == ["one", "two", "three", "four", '{"label": 1}', "café", "five"]
    assert [(entry.position, entry.reason) for entry in found.quarantined] == [
        (2, "no-document"),
        (5, "no-document"),
        (7, "no-document"),
        (9, "empty-file"),
    ]
    assert all(row["parts"] is None for row in found.rows)


def test_a_sample_with_an_empty_caption_is_put_aside(tmp_path: Path) -> None:
    (tmp_path / "pool.tar").write_bytes(make_tar({"1.jpg": png(1, 1), "1.txt": b" "}))
    found = read_all(tmp_path / "pool.tar")
    assert [(entry.position, entry.reason) for entry in found.quarantined] == [(1, "empty-text")]


def test_a_cut_archive_gives_what_came_before(tmp_path: Path) -> None:
    data = make_tar(POOL)
    known = {hashlib.blake2b(content, digest_size=16).hexdigest() for content in POOL.values()}
    counts = []
    for size in range(0, len(data), 200):
        (tmp_path / "pool.tar").write_bytes(data[:size])
        found = read_all(tmp_path / "pool.tar")
        assert found.rows or found.quarantined
        parts = [part for row in found.rows for part in row["parts"] or ()]
        assert {part["media"]["digest"] for part in parts if part["media"]} <= known
        counts.append(len(found.rows))
    assert (counts[0], counts[-1]) == (0, 3)


def test_ids_are_of_pictures_and_captions(tmp_path: Path) -> None:
    pool = {
        "1.png": png(1, 1),
        "1.txt": b"A",
        "2.png": png(1, 1),
        "2.txt": b"A",
        "3.png": png(2, 1),
        "3.txt": b"A",
    }
    (tmp_path / "a.tar").write_bytes(make_tar(pool))
    first, second, third = [row["id"] for row in read_all(tmp_path / "a.tar").rows]
    assert first == second
    assert first != third


def test_media_that_changed_are_noticed(tmp_path: Path) -> None:
    path = tmp_path / "a.gif"
    path.write_bytes(b"GIF89a.")
    with MediaReader() as media:
        assert media.read(Media(str(path), 3, 4)) == b"89a."
        assert media.read(Media(str(path), 0, 3)) == b"GIF"
        with pytest.raises(InputChanged, match="holds other bytes at byte 3"):
            media.read(Media(str(path), 3, 4, digest="0" * 32))
        with pytest.raises(InputChanged, match="holds other bytes at byte 3"):
            media.read(Media(str(path), 3, 1 << 40))
        with pytest.raises(BadInput, match=r"cannot be read: .*No such file"):
            media.read(Media(str(tmp_path / "b.gif")))
        with pytest.raises(BadInput, match="has no address"):
            media.read(Media())


def test_only_samples_are_written(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"text": "A", "id": "x"}\n')
    with pytest.raises(BadInput, match="document 'x' is no sample of an archive"):
        Corpus.read(tmp_path / "a.jsonl").write_tar(tmp_path / "a.tar")
    (tmp_path / "b.tar").write_bytes(make_tar({"1.jpg": png(1, 1), "1.txt": b"A"}))
    with pytest.raises(BadInput, match=r"a sample of an archive and no row; Corpus.write_tar"):
        list(Corpus.read(tmp_path / "b.tar").rows())


def test_real_pictures_come_out_unchanged(shared: Path, tmp_path: Path) -> None:
    folder = shared / "data" / "image_text"
    pictures = dict(members(zstandard.decompress((folder / "nlvr_dev.tar.zst").read_bytes(), 1 << 28)))
    lines = zstandard.decompress((folder / "nlvr_dev.jsonl.zst").read_bytes(), 1 << 28).splitlines()
    pool: dict[str, bytes] = {}
    for number, line in enumerate(lines):
        row = json.loads(line)
        pool[f"{number:06}.json"] = line
        pool[f"{number:06}.png"] = pictures[row["file"]]
        pool[f"{number:06}.txt"] = row["sentence"].encode()
    (tmp_path / "nlvr.tar").write_bytes(make_tar(pool))
    corpus = Corpus.read(tmp_path / "nlvr.tar")
    table = corpus.to_arrow()
    assert table.num_rows == len(lines) == 989
    assert not corpus.quarantined()
    sizes = {
        (part["media"]["width"], part["media"]["height"])
        for parts in table["parts"].to_pylist()
        for part in parts
        if part["kind"] == "image"
    }
    assert sizes == {(400, 100)}
    assert corpus.write_tar(tmp_path / "again.tar") == 989
    assert members((tmp_path / "again.tar").read_bytes()) == list(pool.items())
