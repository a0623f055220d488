"""Samples of tar archives: members of one name as one document, and as the same members again."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from pathlib import Path

import pytest
import zstandard

from cupel import Corpus
from cupel.corpus.media_reader import MediaReader
from cupel.corpus.parts import Media, parts_of
from cupel.corpus.sample_files import write_tar
from cupel.errors import BadInput, InputChanged

from .reading import make_tar, png, read_all


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
    "a/000002.webp": b"RIFF\x1a\x00\x00\x00WEBPVP8L\x0d\x00\x00\x00\x2f\x01\x00\x00\x10\x07\x10\x11\x11\x88\x88\xfe\x07\x00",
    "a/000003.npy": b"\x93NUMPY\x00\x00",
    "a/000003.PNG": png(3, 5),
    "a/000003.seg.png": png(7, 9),
    "a/000003.caption": b"two pictures",
}


def test_a_sample_is_one_document(tmp_path: Path) -> None:
    path = tmp_path / "pool.tar"
    path.write_bytes(make_tar(POOL))
    contents = read_all(path)
    assert contents.texts == ["Café\n", "東京", "two pictures"]
    assert not contents.quarantined
    assert [row["position"] for row in contents.rows] == [1, 4, 7]
    assert [row["doc"] & 0xFF for row in contents.rows] == [0, 1, 2]
    assert [(row["id"], row["url"]) for row in contents.rows[:1]] == [("5", "https://host.example/1")]
    assert json.loads(contents.rows[1]["metadata"]) == {"member": "a/000002", "width": 2}
    first, second, third = (parts_of(row["parts"]) or [] for row in contents.rows)
    assert [part.kind for part in first] == ["layout", "image", "text", "data"]
    assert [part.kind for part in second] == ["layout", "data", "text", "image"]
    assert [part.kind for part in third] == ["layout", "data", "image", "image", "text"]
    image = first[1].media
    assert image is not None
    assert (image.mime, image.width, image.height, image.uri) == ("image/png", 640, 480, str(path))
    stored = POOL["a/000001.jpg"]
    assert path.read_bytes()[image.offset : (image.offset or 0) + (image.bytes or 0)] == stored
    assert image.digest == hashlib.blake2b(stored, digest_size=16).hexdigest()
    webp = second[3].media
    assert webp is not None
    assert (webp.mime, webp.width, webp.height) == ("image/webp", 2, 1)


@pytest.mark.parametrize("packed", [False, True])
def test_an_archive_is_written_as_it_was(tmp_path: Path, packed: bool) -> None:
    data = make_tar(POOL)
    path = tmp_path / ("pool.tar.zst" if packed else "pool.tar")
    path.write_bytes(zstandard.compress(data) if packed else data)
    assert Corpus.read(path).write(tmp_path / "again.tar") == 3
    assert members((tmp_path / "again.tar").read_bytes()) == list(POOL.items())


def test_an_edited_caption_is_written_as_it_is_now(tmp_path: Path) -> None:
    path = tmp_path / "pool.tar"
    path.write_bytes(make_tar(POOL))
    documents = Corpus.read(path).to_arrow().to_pylist()
    for document in documents:
        for part in document["parts"]:
            part["text"] = "new" if part["kind"] == "text" else None
    write_tar(documents, tmp_path / "again.tar")
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
    }
    path = tmp_path / "pool.tar"
    path.write_bytes(make_tar(pool))
    contents = read_all(path)
    assert contents.texts == ["one", "two", "three", "four", '{"label": 1}']
    assert [(entry.position, entry.reason) for entry in contents.quarantined] == [
        (2, "no-document"),
        (5, "no-document"),
    ]
    assert all(row["parts"] is None for row in contents.rows)


JPEG = b"\xff\xd8\xff\xc0\x00\x11\x08\x00\x05\x00\x03" + bytes(12)


@pytest.mark.parametrize(
    ("pool", "reason", "detail"),
    [
        ({"1.jpg": b"", "1.txt": b"A"}, "empty-medium", "member 1: 1.jpg: the medium holds no bytes"),
        (
            {"1.png": png(2, 2)[:-1], "1.txt": b"A"},
            "truncated-image",
            "this image/png of 40 bytes ends before",
        ),
        ({"1.jpg": JPEG, "1.txt": b"A"}, "truncated-image", "this image/jpeg of 23 bytes ends before"),
        ({"1.png": png(0, 2), "1.txt": b"A"}, "broken-image", "does not say how large the picture is"),
        ({"1.jpg": b"<html>not found", "1.txt": b"A"}, "not-an-image", "named as image/jpeg"),
        ({"1.png": png(1, 1), "1.txt": b" "}, "empty-text", "is empty"),
        ({"1.png": png(1, 1), "1.txt": b"A", "1.json": b"{"}, "invalid-json", "1.json: "),
        (
            {"1.png": png(1, 1), "1.txt": b"A", "1.json": b'{"a": "\xff"}'},
            "invalid-utf8",
            "1.json is not UTF-8",
        ),
        (
            {"1.png": png(1, 1), "1.txt": b"\xff\xfe\x00\xd8A"},
            "invalid-utf8",
            "1.txt is not UTF-8 at its byte 0",
        ),
    ],
)
def test_a_broken_sample_is_put_aside_as_a_whole(
    tmp_path: Path, pool: dict[str, bytes], reason: str, detail: str
) -> None:
    whole = {"0.png": png(1, 1), "0.txt": b"zero"}
    (tmp_path / "pool.tar").write_bytes(make_tar(whole | pool | {"2.png": png(1, 1), "2.txt": b"two"}))
    contents = read_all(tmp_path / "pool.tar")
    assert contents.texts == ["zero", "two"]
    assert [(entry.position, entry.reason) for entry in contents.quarantined] == [(3, reason)]
    assert detail in contents.quarantined[0].detail


def test_a_jpeg_with_bytes_after_its_end_is_whole(tmp_path: Path) -> None:
    (tmp_path / "a.tar").write_bytes(make_tar({"1.jpg": JPEG + b"\xff\xd9" + bytes(100), "1.txt": b"A"}))
    assert read_all(tmp_path / "a.tar").texts == ["A"]


def test_two_members_of_one_name(tmp_path: Path) -> None:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as archive:
        for name, data in [("1.png", png(1, 1)), ("1.txt", b"A"), ("1.txt", b"B"), ("2.txt", b"two")]:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    (tmp_path / "a.tar").write_bytes(target.getvalue())
    contents = read_all(tmp_path / "a.tar")
    assert contents.texts == ["two"]
    assert [(entry.position, entry.reason) for entry in contents.quarantined] == [(1, "duplicate-member")]


def test_a_caption_in_another_charset_is_read_and_written_as_it_was(tmp_path: Path) -> None:
    pool = {"1.png": png(1, 1), "1.txt": "Café de Paris, à côté".encode("latin-1")}
    (tmp_path / "a.tar").write_bytes(make_tar(pool))
    corpus = Corpus.read(tmp_path / "a.tar")
    assert corpus.to_arrow()["text"].to_pylist() == ["Café de Paris, à côté"]
    corpus.write(tmp_path / "again.tar")
    assert members((tmp_path / "again.tar").read_bytes()) == list(pool.items())


def test_names_that_lead_out_of_an_archive(tmp_path: Path) -> None:
    pool = {"../1.png": png(1, 1), "../1.txt": b"A", "2.png": png(1, 1), "2.txt": b"two"}
    (tmp_path / "a.tar").write_bytes(make_tar(pool))
    contents = read_all(tmp_path / "a.tar")
    assert contents.texts == ["two"]
    assert [(entry.position, entry.reason) for entry in contents.quarantined] == [
        (1, "refused-path"),
        (2, "refused-path"),
    ]
    (document,) = Corpus.read(tmp_path / "a.tar").to_arrow().to_pylist()
    for part in document["parts"][1:]:
        part["extra"] = json.dumps({"member": "../1.png"})
    with pytest.raises(BadInput, match=r"the name '\.\./1\.png' leads out"):
        write_tar([document], tmp_path / "again.tar")


def test_a_cut_archive_gives_what_came_before(tmp_path: Path) -> None:
    data = make_tar(POOL)
    known = {hashlib.blake2b(content, digest_size=16).hexdigest() for content in POOL.values()}
    counts = []
    for size in range(0, len(data), 200):
        (tmp_path / "pool.tar").write_bytes(data[:size])
        contents = read_all(tmp_path / "pool.tar")
        assert contents.rows or contents.quarantined
        parts = [part for row in contents.rows for part in row["parts"] or ()]
        assert {part["media"]["digest"] for part in parts if part["media"]} <= known
        counts.append(len(contents.rows))
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
    with pytest.raises(BadInput, match="document 'x' is a plain text, and no sample"):
        Corpus.read(tmp_path / "a.jsonl").write(tmp_path / "a.tar")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.jsonl"]


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
    assert corpus.write(tmp_path / "again.tar") == 989
    assert members((tmp_path / "again.tar").read_bytes()) == list(pool.items())
