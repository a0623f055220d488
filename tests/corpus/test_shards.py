"""Shards: grouping, cutting, order."""

from __future__ import annotations

import threading
from itertools import pairwise
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from cupel.corpus.files import InputFile, find_files
from cupel.corpus.read import read_shard
from cupel.corpus.shards import plan_shards


def file(index: int, size: int, name: str = "a.jsonl") -> InputFile:
    kind = "jsonl" if ".jsonl" in name else "text"
    return InputFile(index, f"/nowhere/{index}-{name}", name, kind, size, "")


def test_small_files_are_grouped_and_big_ones_cut() -> None:
    files = [file(0, 30), file(1, 30), file(2, 250), file(3, 250, "b.jsonl.gz"), file(4, 10, "c.txt")]
    shards = plan_shards(files, target_bytes=100)
    shape = [[(part.file.index, part.start, part.stop) for part in shard.parts] for shard in shards]
    assert shape == [
        [(0, 0, None), (1, 0, None)],
        [(2, 0, 83)],
        [(2, 83, 166)],
        [(2, 166, None)],
        [(3, 0, None)],
        [(4, 0, None)],
    ]


@given(st.lists(st.integers(0, 500), max_size=40), st.integers(1, 300))
def test_every_byte_is_in_one_shard_in_order(sizes: list[int], target: int) -> None:
    files = [file(index, size) for index, size in enumerate(sizes)]
    shards = plan_shards(files, target_bytes=target)
    assert shards == plan_shards(files, target_bytes=target)
    assert [shard.index for shard in shards] == list(range(len(shards)))
    assert sum(shard.bytes for shard in shards) == sum(sizes)
    parts = [part for shard in shards for part in shard.parts]
    assert [part.file.index for part in parts] == sorted(part.file.index for part in parts)
    assert {part.file.index for part in parts} == set(range(len(sizes)))
    for before, after in pairwise(parts):
        if before.file == after.file:
            assert before.stop == after.start


def test_threads_read_at_once(tmp_path: Path) -> None:
    for number in range(8):
        lines = "".join(f'{{"text": "file {number} line {n}"}}\n' for n in range(500))
        (tmp_path / f"{number}.jsonl").write_text(lines)
    shards = plan_shards(find_files([str(tmp_path)]), target_bytes=4000)
    documents: list[int] = []

    def work(mine: int) -> None:
        for shard in shards[mine::4]:
            for batch in read_shard(shard):
                documents.extend(batch.documents.column("doc").to_pylist())

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(documents) == len(set(documents)) == 4000
