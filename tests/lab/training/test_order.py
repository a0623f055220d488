import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from cupel.errors import BadInput
from cupel.lab.data.pack import pack
from cupel.lab.training import order as order_module
from cupel.lab.training.order import Order, epochs
from cupel.lab.training.tokens import TokenStore
from tests.lab import tokens


def _stream(store: TokenStore, order: Order, length: int) -> np.ndarray:
    pieces = [store.document(int(document)) for document in order.visits["document"]]
    return np.concatenate(pieces)[:length].astype(np.int64)


def test_batches_are_windows_of_the_stream(tmp_path: Path) -> None:
    store = tokens.store(tmp_path, tokens.texts(30))
    order = Order(store, tmp_path / "visits.bin", seed=5, length=4000)
    stream = _stream(store, order, 4000)
    for step in (0, 3, 7):
        batch = order.batch(step, sequences=4, context=32)
        for row in range(4):
            first = (step * 4 + row) * 32
            assert batch.tokens[row].tolist() == stream[first : first + 33].tolist()


def test_a_part_of_a_batch_is_that_part(tmp_path: Path) -> None:
    store = tokens.store(tmp_path, tokens.texts(30))
    order = Order(store, tmp_path / "visits.bin", seed=5, length=4000)
    whole = order.batch(6, 4, 32)
    halves = [order.batch(6, 4, 32, part).tokens for part in (slice(0, 2), slice(2, 4))]
    assert np.concatenate(halves).tolist() == whole.tokens.tolist()


def test_every_target_knows_its_document(tmp_path: Path) -> None:
    store = tokens.store(tmp_path, tokens.texts(30))
    order = Order(store, tmp_path / "visits.bin", seed=5, length=4000)
    owner = np.concatenate(
        [
            np.full(len(store.document(int(document))), visit)
            for visit, document in enumerate(order.visits["document"])
        ]
    )
    for step in (0, 1, 9):
        batch = order.batch(step, 4, 32)
        lengths = np.diff(np.append(batch.starts, 4 * 32))
        first = step * 4 * 32 + 1
        assert np.repeat(batch.visits, lengths).tolist() == owner[first : first + 4 * 32].tolist()


def test_each_pass_holds_every_document_once_in_another_order(tmp_path: Path) -> None:
    store = tokens.store(tmp_path, tokens.texts(20))
    order = Order(store, tmp_path / "visits.bin", seed=5, length=3 * len(store.tokens))
    documents = order.visits["document"].astype(int).tolist()
    passes = [documents[begin : begin + 20] for begin in (0, 20, 40)]
    assert all(sorted(visited) == list(range(20)) for visited in passes)
    assert passes[0] != passes[1]
    assert epochs(store, 3 * len(store.tokens)) == pytest.approx(3.0)


def test_seeds_give_other_orders_and_the_same_seed_the_same(tmp_path: Path) -> None:
    store = tokens.store(tmp_path, tokens.texts(50))
    first, again, other = (
        Order(store, tmp_path / name, seed=seed, length=500).visits.tolist()
        for name, seed in (("a", 1), ("b", 1), ("c", 2))
    )
    assert first == again
    assert first != other


def test_the_order_does_not_depend_on_how_much_is_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = tokens.store(tmp_path, tokens.texts(50))
    whole = Order(store, tmp_path / "a", seed=1, length=9000).visits["document"].tolist()
    monkeypatch.setattr(order_module, "_CHUNK", 7)
    pieces = Order(store, tmp_path / "b", seed=1, length=9000).visits["document"].tolist()
    shared = min(len(whole), len(pieces))
    assert shared > 90
    assert len(pieces) < len(whole)
    assert whole[:shared] == pieces[:shared]


def test_documents_are_drawn_as_often_as_they_weigh(tmp_path: Path) -> None:
    weights = [0.25, 0.5, 1.0, 2.0, 0.1] * 4
    store = tokens.store(tmp_path, tokens.texts(20), weights)
    order = Order(store, tmp_path / "visits.bin", seed=3, length=20 * len(store.tokens))
    counts = np.bincount(order.visits["document"].astype(int), minlength=20)
    passes = counts.max()
    assert passes > 20
    assert (np.abs(counts - passes * np.array(weights) / 2.0) <= 1 + 1e-9).all()
    # The heaviest do not stand side by side: one pass takes no document twice.
    assert (np.diff(order.visits["document"].astype(int)) != 0).mean() > 0.9


def test_a_batch_takes_no_memory_for_the_rest_of_the_order(tmp_path: Path) -> None:
    store = tokens.store(tmp_path, ["a"] * 20_000)
    order = Order(store, tmp_path / "visits.bin", seed=5, length=len(store.tokens))
    order.batch(0, sequences=4, context=32)
    tracemalloc.start()
    order.batch(100, sequences=4, context=32)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < order.visits["start"].nbytes / 4


def test_an_arm_without_weight_is_refused(tmp_path: Path) -> None:
    store = tokens.store(tmp_path, tokens.texts(3))
    store.meta["heaviest"] = 0.0
    with pytest.raises(BadInput, match="no document to train on"):
        Order(store, tmp_path / "visits.bin", seed=3, length=100)


def test_an_ordered_store_is_read_in_its_own_order(tmp_path: Path) -> None:
    batch = tokens.batch(tokens.texts(20))
    made = tokens.tokenizer(tmp_path)
    plain = pack([(None, [batch])], made, tmp_path / "plain", name="made")
    store = pack([(None, [batch])], made, tmp_path / "ordered", name="made", ordered=True)
    for seed in (5, 6):
        order = Order(store, tmp_path / f"visits-{seed}.bin", seed=seed, length=2 * len(store.tokens))
        assert order.visits["document"].tolist() == [*range(20), *range(20)]
    assert store.meta["digest"] != plain.meta["digest"]
    assert not plain.ordered
