"""Spherical k-means: as good as faiss's, its cells whole and sorted."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("faiss", reason="needs the extra 'semantic'")

from tests.deduplication.semantic import clustered, families, mapped


def test_k_means_is_as_good_as_that_of_faiss() -> None:
    import faiss

    rng = np.random.default_rng(3)
    vectors = families(9, groups=40, each=100, dimensions=48, spread=0.1)
    ours = clustered(vectors[rng.permutation(len(vectors))], clusters=30).similarity.sum()
    peer = faiss.Kmeans(48, 30, niter=20, seed=1, spherical=True)
    peer.train(mapped(vectors).take(slice(None)))
    assert ours > 0.98 * peer.index.search(mapped(vectors).take(slice(None)), 1)[0].sum()


def test_cells_are_sorted_and_whole() -> None:
    vectors = families(6, groups=30, each=20)
    cells = clustered(vectors, clusters=12)
    assert sorted(cells.order.tolist()) == list(range(len(vectors)))
    for number, rows in enumerate(cells):
        assert (cells.cell[rows] == number).all()
        keys = list(zip(cells.similarity[rows].tolist(), rows.tolist(), strict=True))
        assert keys == sorted(keys)
    assert len(cells) == 12


def test_a_cell_that_is_left_empty_starts_anew() -> None:
    """Whatever documents k-means starts from, as many clusters as groups find every group."""
    for seed in range(10):
        cells = clustered(np.repeat(np.eye(3), 20, axis=0), clusters=3, seed=seed)
        assert cells.sizes.tolist() == [20, 20, 20]
    more = clustered(np.repeat(np.eye(3), 20, axis=0), clusters=8)
    assert more.sizes.sum() == 60
    assert np.allclose(more.similarity, 1, atol=1e-3)
