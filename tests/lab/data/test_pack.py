import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from cupel.errors import BadInput
from cupel.lab.data.pack import pack
from cupel.lab.training.order import Order
from cupel.lab.training.tokens import TokenStore
from cupel.store import Store
from tests.lab import tokens


def test_documents_come_back_with_ids_and_ends(tmp_path: Path) -> None:
    documents = ["Café in 東京", "", "the of and", "🙂\x00 <|endoftext|>"]
    store = tokens.store(tmp_path, documents)
    tokenizer = tokens.tokenizer(tmp_path)
    assert store.documents == 3
    stored = [store.document(number).tolist() for number in range(3)]
    assert [tokenizer.decode(ids[:-1]) for ids in stored] == [text for text in documents if text]
    assert all(ids[-1] == tokenizer.end_of_text for ids in stored)
    assert all(tokenizer.end_of_text not in ids[:-1] for ids in stored)
    assert [store.id(number) for number in range(3)] == ["d0", "d2", "d3"]
    assert store.meta["bytes"] == sum(len(text.encode()) for text in documents)


def test_batches_do_not_change_the_files(tmp_path: Path) -> None:
    documents = tokens.texts(50)
    tokenizer = tokens.tokenizer(tmp_path)
    whole = pack([(None, [tokens.batch(documents)])], tokenizer, tmp_path / "a", name="a")
    batch = tokens.batch(documents)
    pieces = pack(
        [(None, [batch.slice(begin, 7) for begin in range(0, 50, 7)])], tokenizer, tmp_path / "b", name="b"
    )
    assert whole.meta == pieces.meta
    assert (tmp_path / "a" / "tokens.bin").read_bytes() == (tmp_path / "b" / "tokens.bin").read_bytes()


def test_what_decides_the_digest(tmp_path: Path) -> None:
    tokenizer = tokens.tokenizer(tmp_path)
    documents = tokens.texts(5)

    def digest(name: str, texts: list[str], weights: list[float] | None = None) -> str:
        store = pack([(None, [tokens.batch(texts, weights)])], tokenizer, tmp_path / name, name=name)
        return str(store.meta["digest"])

    first = digest("a", documents)
    assert digest("b", documents) == first
    assert digest("c", documents[::-1]) != first
    assert digest("d", documents, [1.0, 1.0, 1.0, 1.0, 0.5]) != first
    assert digest("e", [*documents[:4], documents[4] + "x"]) != first


def test_a_mixture_has_its_shares(tmp_path: Path) -> None:
    tokenizer = tokens.tokenizer(tmp_path)
    first, second = tokens.texts(10), tokens.texts(90, seed=1)
    parts = [(0.6, [tokens.batch(first, prefix="a")]), (0.4, [tokens.batch(second, [0.5] * 90, prefix="b")])]
    store = pack(parts, tokenizer, tmp_path / "mix", name="mix")
    assert store.weights is not None
    lengths = np.diff(store.offsets.astype(np.int64))
    amounts = lengths * store.weights
    assert amounts[:10].sum() / amounts.sum() == pytest.approx(0.6)
    assert amounts.sum() == pytest.approx(store.meta["weighted_tokens"])
    assert store.meta["heaviest"] == store.weights.max()


def test_documents_of_no_weight_are_left_out(tmp_path: Path) -> None:
    store = tokens.store(tmp_path, ["a", "b", "c"], [1.0, 0.0, 2.0])
    assert [store.id(number) for number in range(store.documents)] == ["d0", "d2"]


def test_nothing_to_train_on_is_said(tmp_path: Path) -> None:
    tokenizer = tokens.tokenizer(tmp_path)
    with pytest.raises(BadInput, match="arm 'none' holds no text"):
        pack([(None, [tokens.batch(["", ""])])], tokenizer, tmp_path / "none", name="none")
    with pytest.raises(BadInput, match="part 2 of the mixture holds no text"):
        pack(
            [(0.5, [tokens.batch(["a"])]), (0.5, [tokens.batch([""])])],
            tokenizer,
            tmp_path / "mix",
            name="mix",
        )


def test_a_cut_file_is_named(tmp_path: Path) -> None:
    store = tokens.store(tmp_path, tokens.texts(5))
    path = store.folder / "tokens.bin"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(BadInput, match=r"tokens\.bin: \d+ bytes, expected"):
        TokenStore(store.folder)


def test_long_documents_lie_in_pieces_that_are_ordered_apart(tmp_path: Path) -> None:
    tokenizer = tokens.tokenizer(tmp_path)
    long = " ".join(tokens.texts(200))
    documents = [long, *tokens.texts(30, seed=1)]
    whole = pack([(None, [tokens.batch(documents)])], tokenizer, tmp_path / "a", name="a", piece_tokens=10**9)
    store = pack(
        [(None, [tokens.batch(documents, [0.5] + [1.0] * 30)])],
        tokenizer,
        tmp_path / "b",
        name="b",
        piece_tokens=100,
    )
    assert store.tokens.tolist() == whole.tokens.tolist()
    assert (whole.documents, store.meta["whole_documents"]) == (31, 31)
    lengths = np.diff(store.offsets.astype(np.int64))
    assert lengths.max() == 100
    mine = [number for number in range(store.documents) if store.id(number) == "d0"]
    assert len(mine) == -(-len(whole.document(0)) // 100) > 20
    assert np.concatenate([store.document(number) for number in mine]).tolist() == whole.document(0).tolist()
    assert [f"d{owner}" for owner in store.owners(tokenizer.end_of_text)] == [
        store.id(number) for number in range(store.documents)
    ]
    places = [store.beginning(number, tokenizer.end_of_text) for number in range(31)]
    assert places == whole.offsets[:-1].tolist()
    assert store.weights is not None
    assert set(store.weights[mine]) == {0.5}
    order = Order(store, tmp_path / "visits.bin", seed=0, length=int(store.offsets[-1]) // 2)
    places = np.flatnonzero(np.isin(order.visits["document"], mine))
    assert places[-1] - places[0] + 1 > len(places) > 5, "they stand together"
    assert (np.diff(order.visits["document"][places].astype(np.int64)) != 1).any()


PACKER = """
import sys
from pathlib import Path
from cupel.lab.data.pack import pack
from cupel.models.tokenizer import Tokenizer
from cupel.lab.training.tokens import TokenStore
from cupel.store import Key, Store
from tests.lab import tokens

folder = Path(sys.argv[1])

def build(unfinished):
    with (folder / "log").open("a") as file:
        print("packed", file=file)
    documents = [(None, [tokens.batch(tokens.texts(300))])]
    pack(documents, Tokenizer.load(folder / "tokenizer.json"), unfinished, name="a")

store = TokenStore(Store(folder / "cache").make(Key("tokens"), build, whole=TokenStore.is_whole))
print(store.meta["digest"], store.id(299), int(store.offsets[-1]) == len(store.tokens))
"""


def test_processes_that_pack_one_arm_at_once_share_one_store(tmp_path: Path) -> None:
    tokens.tokenizer(tmp_path)
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", PACKER, str(tmp_path)],
            cwd=Path(__file__).parents[3],
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    answers = {process.communicate()[0] for process in processes}
    assert [process.returncode for process in processes] == [0, 0, 0]
    assert len(answers) == 1
    assert answers.pop().split()[1:] == ["d299", "True"]
    assert (tmp_path / "log").read_text().split() == ["packed"]
    assert [artifact.kind for artifact in Store(tmp_path / "cache").artifacts()] == ["tokens"]


@pytest.mark.parametrize("damage", ["meta.json", "tokens.bin", "ids.bin"])
@pytest.mark.parametrize("how", ["removed", "cut"])
def test_a_store_that_is_not_whole_is_packed_again(tmp_path: Path, damage: str, how: str) -> None:
    documents = tokens.texts(30)
    first = tokens.store(tmp_path, documents)
    path = first.folder / damage
    if how == "removed":
        path.unlink()
    else:
        os.truncate(path, path.stat().st_size // 2)
    assert not TokenStore.is_whole(first.folder)
    again = tokens.store(tmp_path, documents)
    assert again.meta == first.meta
    assert again.id(29) == "d29"


@pytest.mark.parametrize(
    "text", ["{}", "[]", '{"documents": 1, "tokens": 2, "weighed": false, "dtype": "x"}']
)
def test_a_meta_of_something_else_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "meta.json").write_text(text)
    with pytest.raises(BadInput, match="does not describe tokens"):
        TokenStore(tmp_path)
