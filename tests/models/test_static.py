"""Static embedders: what is distilled, against the model itself, and how texts are embedded by it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from cupel.errors import BadInput
from cupel.models.embedder import Embedder
from cupel.models.load import load_model
from cupel.models.static import SMOOTHING, StaticEmbedder, distill

from .small_bert import VOCABULARY, save_small_bert

pytest.importorskip("sentence_transformers", reason="needs the extra 'semantic'")


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> Embedder:
    model = load_model(str(save_small_bert(tmp_path_factory.mktemp("bert"))), "embed")
    assert isinstance(model, Embedder)
    return model


@pytest.fixture(scope="module")
def folder(teacher: Embedder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("static")
    distill(teacher, folder)
    return folder


def test_inner_products_are_those_of_the_weighted_vectors_of_the_model(
    teacher: Embedder, folder: Path
) -> None:
    """All 32 components are kept, and these are a rotation; the rest is computed here once more."""
    import torch
    from transformers import AutoModel

    size = len(VOCABULARY)
    model = AutoModel.from_pretrained(teacher.reference).eval()
    ids = torch.tensor([[3, token, 4] for token in range(size)])
    with torch.inference_mode():
        vectors = model(input_ids=ids).last_hidden_state.mean(dim=1).double().numpy()
    vectors -= vectors.mean(axis=0)
    letters = [VOCABULARY.index(letter) for letter in "京東"]
    special = [0, 2, 3, 4, 5]
    order = (
        [token for token in range(size) if token not in (*letters, *special, 1)]
        + letters
        + sorted([*special, 1])
    )
    frequencies = np.empty(size)
    frequencies[order] = 1 / np.arange(1, size + 1)
    frequencies /= frequencies.sum()
    vectors *= (SMOOTHING / (SMOOTHING + frequencies))[:, None]
    vectors -= (frequencies[:, None] * vectors).sum(axis=0)
    vectors[special] = 0
    table = np.load(folder / "vectors.npy").astype(np.float64)
    assert table.shape == (size, 32)
    np.testing.assert_allclose(table @ table.T, vectors @ vectors.T, rtol=1e-4, atol=1e-9)


def test_a_text_is_the_mean_of_its_tokens(folder: Path) -> None:
    embedder = StaticEmbedder(folder)
    table = np.load(folder / "vectors.npy")
    ids = [VOCABULARY.index(token) for token in ("the", "the", "##s", "京")]
    texts = ["The thes 京", "", " \n", "Straße"]
    vectors = embedder.embed(texts)
    np.testing.assert_allclose(vectors[0], table[ids].astype(np.float64).mean(axis=0), rtol=1e-5, atol=1e-10)
    assert not vectors[1:].any()  # the unknown token is special, and has no vector
    assert embedder.embed([]).shape == (0, 32)


def test_only_the_beginning_of_a_text_counts(folder: Path) -> None:
    embedder = StaticEmbedder(folder)
    first, same, longer = embedder.embed(["the " * 32, "the " * 32 + "with " * 9999, "the " * 31 + "with"])
    assert (first == same).all()
    assert (first != longer).any()


def test_a_vector_depends_neither_on_its_neighbors_nor_on_threads(folder: Path) -> None:
    embedder = StaticEmbedder(folder)
    rng = np.random.default_rng(0)
    texts = [" ".join(rng.choice(VOCABULARY[9:], 20)) for _ in range(600)]
    together = embedder.embed(texts)
    assert all((embedder.embed([text])[0] == row).all() for text, row in zip(texts, together, strict=True))
    with ThreadPoolExecutor(4) as pool:
        for vectors in pool.map(lambda _: embedder.embed(texts), range(8)):
            assert (vectors == together).all()


def test_the_same_model_gives_the_same_bytes(teacher: Embedder, folder: Path, tmp_path: Path) -> None:
    distill(teacher, tmp_path)
    for name in ("vectors.npy", "tokenizer.json"):
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes()
    assert StaticEmbedder(tmp_path).digest == StaticEmbedder(folder).digest


def test_fewer_dimensions_are_the_first_ones(teacher: Embedder, folder: Path, tmp_path: Path) -> None:
    distill(teacher, tmp_path, 8)
    np.testing.assert_allclose(
        np.load(tmp_path / "vectors.npy"), np.load(folder / "vectors.npy")[:, :8], rtol=1e-5, atol=1e-9
    )


def test_what_cannot_be_distilled_or_read(teacher: Embedder, tmp_path: Path) -> None:
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding

    static = StaticEmbedding(teacher.model.tokenizer.backend_tokenizer, embedding_dim=4)
    SentenceTransformer(modules=[static], device="cpu").save(str(tmp_path / "static"))
    model = load_model(str(tmp_path / "static"), "embed")
    with pytest.raises(BadInput, match="cannot be distilled: it is no transformer"):
        distill(model, tmp_path)  # type: ignore[arg-type]
    with pytest.raises(BadInput, match="holds no static embedder"):
        StaticEmbedder(tmp_path)
    (tmp_path / "vectors.npy").write_bytes(b"no vectors")
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(BadInput, match="holds no static embedder"):
        StaticEmbedder(tmp_path)
