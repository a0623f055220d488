"""Tables with images in their cells: references in, the same cells out, and samples of archives from them."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cupel import Corpus
from cupel.corpus.cells import CELL
from cupel.corpus.parts import parts_of
from cupel.errors import BadInput, BadOption, InputChanged, LossyConversion, UnknownName

from .reading import make_tar, png, read_all

SCHEMA = pa.schema(
    {"id": pa.string(), "image": CELL, "text": pa.string(), "n": pa.int32(), "day": pa.timestamp("us")}
)
ROWS = [
    {
        "id": str(number),
        "image": {"bytes": png(number + 1, 2), "path": f"{number}.png" if number % 2 else None},
        "text": f"Café {number}\r\n東京",
        "n": number,
        "day": None,
    }
    for number in range(50)
]


def _parquet(path: Path, rows: list[dict[str, Any]], schema: pa.Schema | None = None) -> Path:
    pq.write_table(pa.Table.from_pylist(rows, schema), path, row_group_size=20)
    return path


def test_a_row_with_an_image_is_a_document(tmp_path: Path) -> None:
    path = _parquet(tmp_path / "pool.parquet", ROWS, SCHEMA)
    contents = read_all(path)
    assert not contents.quarantined
    assert contents.texts[0] == "Café 0\n東京"
    assert json.loads(contents.rows[3]["metadata"]) == {"n": 3}
    parts = parts_of(contents.rows[21]["parts"]) or []
    assert [part.kind for part in parts] == ["layout", "image", "text"]
    media = parts[1].media
    assert media is not None
    assert media.uri == f"{path}#column=image&row=21"
    assert (media.width, media.height, media.bytes) == (22, 2, len(png(1, 1)))
    assert max(contents.batch_sizes) < 50_000


def test_the_same_table_is_written(tmp_path: Path) -> None:
    path = _parquet(tmp_path / "pool.parquet", ROWS, SCHEMA)
    corpus = Corpus.read(path)
    assert list(corpus.rows()) == [{key: row[key] for key in row if key != "day"} for row in ROWS]
    assert corpus.write(tmp_path / "again.parquet") == 50
    again = pq.read_table(tmp_path / "again.parquet")
    known = pq.read_table(path)
    assert again.select(["image", "n", "day"]) == known.select(["image", "n", "day"])
    assert again.to_pylist() == known.to_pylist()


@pytest.mark.parametrize("stream", [False, True])
def test_arrow(tmp_path: Path, stream: bool) -> None:
    table = pa.Table.from_pylist(ROWS, SCHEMA)
    new = pa.ipc.new_stream if stream else pa.ipc.new_file
    with new(tmp_path / "pool.arrow", SCHEMA) as writer:
        writer.write_table(table, max_chunksize=7)
    rows = list(Corpus.read(tmp_path / "pool.arrow").rows())
    assert [row["image"] for row in rows] == [row["image"] for row in ROWS]


def test_lists_of_images_beside_a_chat(tmp_path: Path) -> None:
    turns = [{"role": "user", "content": "<image><image> 東京?"}, {"role": "assistant", "content": "No."}]
    images = [{"bytes": png(1, 1), "path": None}, None, {"bytes": png(2, 2), "path": "b.png"}]
    rows = [{"messages": turns, "images": images}, {"messages": turns, "images": []}]
    schema = pa.schema(
        {"messages": pa.Table.from_pylist(rows).schema.field(0).type, "images": pa.list_(CELL)}
    )
    corpus = Corpus.read(_parquet(tmp_path / "chats.parquet", rows, schema))
    first, second = (parts_of(parts) or [] for parts in corpus.to_arrow()["parts"].to_pylist())
    assert [part.kind for part in first] == ["layout", "text", "text", "image", "data", "image"]
    assert first[5].media is not None
    assert str(first[5].media.uri).endswith("#column=images&row=0&item=2")
    assert [part.kind for part in second] == ["layout", "text", "text"]
    assert list(corpus.rows()) == rows
    converted = next(corpus.rows("sharegpt"))
    assert converted["conversations"][1] == {"from": "gpt", "value": "No."}
    assert converted["images"] == images


def test_exchanges_about_images(tmp_path: Path) -> None:
    rows = [
        {
            "images": [{"bytes": png(2, 1), "path": None}],
            "texts": [
                {"user": "東京?", "assistant": "Yes.", "source": "x"},
                {"user": "A", "assistant": "B", "source": "y"},
            ],
            "caption": "beside a conversation, a field like any other",
        }
    ]
    schema = pa.Table.from_pylist(rows).schema.set(0, pa.field("images", pa.list_(CELL)))
    corpus = Corpus.read(_parquet(tmp_path / "a.parquet", rows, schema))
    assert corpus.to_arrow()["text"].to_pylist() == ["東京?\n\nYes.\n\nA\n\nB"]
    assert list(corpus.rows()) == rows
    assert next(corpus.rows("messages"))["messages"][:2] == [
        {"role": "user", "content": "東京?", "source": "x"},
        {"role": "assistant", "content": "Yes."},
    ]


def test_rows_that_only_look_like_pages(tmp_path: Path) -> None:
    path = _parquet(tmp_path / "a.parquet", [{"texts": [{"question": "A"}], "images": ["a.png"]}])
    with pytest.raises(
        BadInput, match=r"are those of 'obelics' and 'user-assistant'|and the rows hold something else"
    ):
        Corpus.read(path).count()


def test_pages_with_images_in_their_cells(tmp_path: Path) -> None:
    images = [{"bytes": png(1, 1), "path": "a.png"}, None, {"bytes": png(2, 1), "path": None}]
    rows = [{"images": images, "texts": [None, "東京", None], "url": "https://host.example/"}]
    schema = pa.schema({"images": pa.list_(CELL), "texts": pa.list_(pa.string()), "url": pa.string()})
    path = _parquet(tmp_path / "pages.parquet", rows, schema)
    corpus = Corpus.read(path)
    (parts,) = corpus.to_arrow()["parts"].to_pylist()
    assert [part["kind"] for part in parts] == ["layout", "image", "text", "image"]
    assert [part["media"]["width"] for part in parts if part["media"]] == [1, 2]
    assert list(corpus.rows()) == rows
    corpus.write(tmp_path / "again.parquet")
    assert pq.read_table(tmp_path / "again.parquet").to_pylist() == rows
    assert pq.read_schema(tmp_path / "again.parquet").field("images").type.equals(pa.list_(CELL))
    with pytest.raises(LossyConversion, match="an image in a cell of a table"):
        list(corpus.rows("mmc4"))


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"image": {"bytes": b"", "path": "a.png"}, "caption": "A"}, "empty-medium"),
        ({"image": {"bytes": None, "path": None}, "caption": "A"}, "empty-medium"),
        ({"image": {"bytes": png(1, 1)[:-4], "path": "a.png"}, "caption": "A"}, "truncated-image"),
        ({"image": {"bytes": png(1, 1), "path": "a.png"}, "caption": None}, "no-caption"),
        ({"image": {"bytes": png(1, 1), "path": "a.png"}, "caption": " "}, "empty-text"),
    ],
)
def test_what_is_broken_is_put_aside(tmp_path: Path, row: dict[str, Any], reason: str) -> None:
    whole = {"image": {"bytes": png(3, 3), "path": None}, "caption": "東京"}
    schema = pa.schema({"image": CELL, "caption": pa.string()})
    contents = read_all(_parquet(tmp_path / "a.parquet", [whole, row, whole], schema))
    assert contents.texts == ["東京", "東京"]
    assert [(entry.position, entry.unit, entry.reason) for entry in contents.quarantined] == [
        (2, "row", reason)
    ]


def test_several_captions_and_a_named_column(tmp_path: Path) -> None:
    image = {"bytes": png(3, 3), "path": None}
    path = _parquet(tmp_path / "a.parquet", [{"jpg": image, "captions": ["A", "B"], "alt": "C"}])
    corpus = Corpus.read(path)
    assert corpus.to_arrow()["text"].to_pylist() == ["A\n\nB"]
    assert list(corpus.rows()) == [{"jpg": image, "captions": ["A", "B"], "alt": "C"}]
    corpus = Corpus.read(path, text_column="alt")
    assert corpus.to_arrow()["text"].to_pylist() == ["C"]
    assert list(corpus.rows()) == [{"jpg": image, "captions": ["A", "B"], "alt": "C"}]


def test_a_path_without_bytes_is_a_reference(tmp_path: Path) -> None:
    rows = [{"image": {"bytes": None, "path": "coco/1.jpg"}, "text": "A"}]
    corpus = Corpus.read(
        _parquet(tmp_path / "a.parquet", rows, pa.schema({"image": CELL, "text": pa.string()}))
    )
    (parts,) = corpus.to_arrow()["parts"].to_pylist()
    assert parts[1]["media"]["uri"] == "coco/1.jpg"
    assert list(corpus.rows()) == rows


def test_images_without_any_caption_ask_for_one(tmp_path: Path) -> None:
    path = _parquet(tmp_path / "a.parquet", [{"image": {"bytes": png(1, 1), "path": None}, "label": 3}])
    with pytest.raises(BadInput, match="no text column; there are: image, label"):
        Corpus.read(path).count()


def test_a_table_in_an_archive_cannot_be_referred_to(tmp_path: Path) -> None:
    path = _parquet(tmp_path / "a.parquet", ROWS[:2], SCHEMA)
    (tmp_path / "a.tar").write_bytes(make_tar({"a.parquet": path.read_bytes()}))
    assert read_all(tmp_path / "a.tar").reasons == ["inline-media"] * 2


def test_an_image_is_part_of_the_id_and_its_path_is_not(tmp_path: Path) -> None:
    images = [(png(1, 1), "a.png"), (png(1, 1), "b.png"), (png(2, 1), "a.png")]
    rows = [{"image": {"bytes": data, "path": path}, "text": "A"} for data, path in images]
    first, same, other = [row["id"] for row in read_all(_parquet(tmp_path / "a.parquet", rows)).rows]
    assert first == same
    assert first != other


def test_a_table_becomes_an_archive_and_a_folder(tmp_path: Path) -> None:
    corpus = Corpus.read(_parquet(tmp_path / "pool.parquet", ROWS[:3], SCHEMA))
    assert corpus.write(tmp_path / "pool.tar") == 3
    with tarfile.open(tmp_path / "pool.tar") as archive:
        assert archive.getnames()[:3] == ["000000000.png", "000000000.txt", "000000000.json"]
    again = Corpus.read(tmp_path / "pool.tar")
    assert list(again.rows("image-text"))[1] == {
        "id": "1",
        "image": {"bytes": png(2, 2), "path": "000000001.png"},
        "text": "Café 1\r\n東京",
        "n": 1,
    }
    assert again.to_arrow()["id"].to_pylist() == ["0", "1", "2"]
    with pytest.raises(LossyConversion, match="media of the layout 'webdataset'"):
        list(again.rows("messages"))
    with pytest.raises(LossyConversion, match=r"the layout 'messages' cannot hold .* a turn without a role"):
        list(corpus.rows("messages"))


def test_lines_of_json_name_where_the_bytes_lie(tmp_path: Path) -> None:
    path = _parquet(tmp_path / "pool.parquet", ROWS[:1], SCHEMA)
    Corpus.read(path).write(tmp_path / "pool.jsonl")
    assert json.loads((tmp_path / "pool.jsonl").read_text())["image"] == {
        "bytes": None,
        "path": f"{path}#column=image&row=0",
    }


def test_a_table_that_changed_is_noticed(tmp_path: Path) -> None:
    path = _parquet(tmp_path / "pool.parquet", ROWS[:2], SCHEMA)
    table = Corpus.read(path).to_arrow()
    _parquet(path, ROWS[1:3], SCHEMA)
    corpus = Corpus.read(
        _parquet(tmp_path / "parts.parquet", table.select(["id", "text", "parts"]).to_pylist())
    )
    with pytest.raises(InputChanged, match=r"pool\.parquet#column=image&row=0 holds other bytes"):
        list(corpus.rows())
    path.unlink()
    with pytest.raises(BadInput, match="cannot be read"):
        list(corpus.rows())


def test_what_is_not_written(tmp_path: Path) -> None:
    corpus = Corpus.read(_parquet(tmp_path / "pool.parquet", ROWS[:2], SCHEMA))
    with pytest.raises(UnknownName, match=r"no ending is called '\.csv'"):
        corpus.write(tmp_path / "a.csv")
    with pytest.raises(BadInput, match="exists already"):
        corpus.write(tmp_path)
    with pytest.raises(BadOption, match="written as samples and not as rows"):
        corpus.write(tmp_path / "a.tar", "image-text")
    assert [path.name for path in tmp_path.iterdir()] == ["pool.parquet"]


def test_files_that_a_row_only_names_are_not_read(tmp_path: Path) -> None:
    """Whoever wrote the row would choose which files of this machine go into the archive."""
    (tmp_path / "secret.jpg").write_bytes(b"secret")
    rows = [{"image": {"bytes": None, "path": str(tmp_path / "secret.jpg")}, "text": "A cat."}]
    schema = pa.schema({"image": CELL, "text": pa.string()})
    corpus = Corpus.read(_parquet(tmp_path / "pool.parquet", rows, schema))
    assert corpus.count() == 1
    with pytest.raises(BadInput, match=r"secret\.jpg: only its address is known"):
        corpus.write(tmp_path / "out.tar")
    assert not (tmp_path / "out.tar").exists()
