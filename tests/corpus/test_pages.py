"""Pages and texts that are one file each, and archives of them."""

from __future__ import annotations

import gzip
import json
import tarfile
from pathlib import Path

import pytest
import zstandard

from cupel.corpus.read import ReadOptions
from tests.corpus.reading import make_tar, read_all


def test_texts_and_source_files(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("print('東京')\n")
    (tmp_path / "b.md").write_bytes("\ufeff# Café".encode())
    (tmp_path / "c.txt").write_bytes("Straße und Käse, größer als früher".encode("latin-1"))
    (tmp_path / "d.txt").write_bytes("\ufeffsixteen".encode("utf-16-le"))
    contents = read_all(tmp_path)
    assert contents.texts == ["print('東京')\n", "# Café", "Straße und Käse, größer als früher", "sixteen"]
    assert [json.loads(row["metadata"]).get("extension") for row in contents.rows] == [
        "py",
        "md",
        "txt",
        "txt",
    ]
    assert json.loads(contents.rows[2]["metadata"])["charset"] == "windows-1252"


def test_binary_and_blank_files_are_put_aside(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"\x00\x01binary\x00" * 20)
    (tmp_path / "b.txt").write_text(" \n\t\n")
    (tmp_path / "c.html").write_text("\n")
    assert read_all(tmp_path).reasons == ["binary", "empty-text", "empty-text"]


def test_a_cut_text_keeps_its_beginning(tmp_path: Path) -> None:
    import random

    data = "".join(random.Random(1).choices("abcdefgh \n", k=100_000)).encode()
    (tmp_path / "a.txt.gz").write_bytes(gzip.compress(data)[:20_000])
    contents = read_all(tmp_path)
    assert contents.reasons == ["truncated"]
    assert data.decode().startswith(contents.texts[0])
    assert len(contents.texts[0]) > 10_000


def test_html_can_be_read_as_text(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text("<p>Hi")
    assert read_all(tmp_path, options=ReadOptions(html="text")).texts == ["<p>Hi"]


def test_a_large_file_is_put_aside(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("x" * 5000)
    assert read_all(tmp_path, options=ReadOptions(max_document_bytes=1000)).reasons == ["too-large"]


@pytest.mark.parametrize("ending", ["tar", "tar.gz", "tar.zst", "tgz"])
def test_archives_of_pages(tmp_path: Path, ending: str) -> None:
    data = make_tar(
        {
            "x/page.html": b"<p>Silver</p>",
            "x/readme.md": "Café".encode(),
            "x/rows.jsonl": b'{"text": "one"}\n\nbad\n{"text": "two"}\n',
            "x/more.jsonl": b'{"text": "three"}\n',
            "x/picture.png": b"\x89PNG",
            "x/" + "long" * 60 + ".txt": b"long name",
        }
    )
    packed = {"tar": bytes, "tar.gz": gzip.compress, "tgz": gzip.compress, "tar.zst": zstandard.compress}
    path = tmp_path / f"a.{ending}"
    path.write_bytes(packed[ending](data))
    contents = read_all(path)
    assert [row["text"] or row["html"].decode() for row in contents.rows] == [
        "<p>Silver</p>",
        "Café",
        "one",
        "two",
        "three",
        "long name",
    ]
    assert len({row["doc"] for row in contents.rows}) == 6
    assert contents.reasons == ["invalid-json", "no-document"]
    assert "x/picture.png" in contents.quarantined[1].detail


def test_path_tricks_and_links_are_refused(tmp_path: Path) -> None:
    link = tarfile.TarInfo("link.txt")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    hard = tarfile.TarInfo("hard.txt")
    hard.type, hard.linkname = tarfile.LNKTYPE, "good.txt"
    device = tarfile.TarInfo("device.txt")
    device.type = tarfile.CHRTYPE
    tricks = {"../up.txt": b"x", "/etc/abs.txt": b"x", "a/../../b.txt": b"x", "good.txt": b"good"}
    path = tmp_path / "a.tar"
    path.write_bytes(make_tar(tricks, link, hard, device))
    contents = read_all(path)
    assert contents.texts == ["good"]
    assert contents.reasons == ["refused-path"] * 3 + ["refused-link"] * 2 + ["refused-member"]
    assert sorted(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("keep", [0.2, 0.5, 0.9])
def test_a_cut_archive_keeps_what_came_before(tmp_path: Path, keep: float) -> None:
    import random

    rng = random.Random(5)
    texts = ["".join(rng.choices("abcdefgh ", k=3000)) for _ in range(50)]
    data = zstandard.compress(make_tar({f"{n}.txt": text.encode() for n, text in enumerate(texts)}))
    path = tmp_path / "a.tar.zst"
    path.write_bytes(data[: int(len(data) * keep)])
    contents = read_all(path)
    assert contents.texts == texts[: len(contents.texts)]
    assert contents.reasons == ["truncated"]


def test_a_header_that_promises_terabytes(tmp_path: Path) -> None:
    info = tarfile.TarInfo("huge.txt")
    info.size = 1 << 42
    data = info.tobuf(tarfile.GNU_FORMAT) + b"x" * 4096
    (tmp_path / "a.tar").write_bytes(data)
    assert "too-large" in read_all(tmp_path).reasons
    extended = tarfile.TarInfo("pax")
    extended.type, extended.size = tarfile.XHDTYPE, 1 << 32
    (tmp_path / "a.tar").unlink()
    bomb = extended.tobuf(tarfile.GNU_FORMAT) + b" " * (64 << 20)
    (tmp_path / "b.tar.zst").write_bytes(zstandard.compress(bomb))
    assert read_all(tmp_path).reasons == ["expands-too-much"]


def test_every_page_of_the_real_archives(shared: Path) -> None:
    folder = shared / "data" / "raw_web"
    counts = {path.name: len(read_all(path).rows) for path in sorted(folder.glob("*.tar.zst"))}
    assert counts == {
        "pages_defuddle.tar.zst": 41,
        "pages_newspaper.tar.zst": 111,
        "pages_readability.tar.zst": 76,
        "pages_scrapinghub.tar.zst": 138,
        "pages_trafilatura.tar.zst": 520,
    }
