"""Ready classifiers as signals: fastText files, what `cupel fit` learned, and heads of transformers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import cupel
from cupel.errors import BadInput, BadOption, UnknownName
from cupel.models.fasttext import FastTextTraining, train
from cupel.models.load import load_model
from cupel.models.reference import check_reference
from cupel.recipe.recipe import Recipe
from cupel.signals.classifier_score import ClassifierScore

GOOD = [
    "the theorem follows from the lemma",
    "we prove that the café is open",
    "a proof of the theorem in 東京",
]
BAD = ["buy now and click here", "click to buy cheap pills", "cheap cheap buy now"]


@pytest.fixture(scope="module")
def fasttext_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("fasttext") / "scorer.bin"
    texts, labels = pa.array((GOOD + BAD) * 10), pa.array((["fine"] * 3 + ["poor"] * 3) * 10)
    file.write_bytes(train(texts, labels, FastTextTraining(dim=8, epochs=20)))
    return file


def head(folder: Path, labels: list[str], problem: str | None = None) -> Path:
    """A tiny BERT for sequence classification, with random weights."""
    import torch
    from transformers import BertConfig, BertForSequenceClassification, BertTokenizerFast

    folder.mkdir(parents=True)
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "theorem", "buy", "now", "cafe"]
    (folder / "vocab.txt").write_text("\n".join(words) + "\n", "utf-8")
    BertTokenizerFast(str(folder / "vocab.txt"), model_max_length=16).save_pretrained(folder)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(words),
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=32,
        id2label=dict(enumerate(labels)),
        label2id={label: place for place, label in enumerate(labels)},
        problem_type=problem,
    )
    BertForSequenceClassification(config).save_pretrained(folder)
    return folder


def score(texts: list[str | None], **options: Any) -> list[float | None]:
    batch = pa.record_batch({"text": pa.array(texts, pa.large_string())})
    measured = ClassifierScore.from_options(options).measure(batch)
    return list(measured["classifier_score"].to_pylist())


def test_a_fasttext_file_gives_the_probability_of_its_label(fasttext_file: Path) -> None:
    good, bad, missing = score([GOOD[0], BAD[0], None], scorer=f"fasttext:{fasttext_file}", label="fine")
    assert good is not None
    assert bad is not None
    assert good > 0.9 > 0.1 > bad
    assert missing is None
    model = cupel.models.fasttext.FastText.load(fasttext_file)
    assert good == pytest.approx(model.classify(pa.array([GOOD[0]]))[0, model.labels.index("fine")])


def test_labels_are_named(fasttext_file: Path) -> None:
    with pytest.raises(BadOption, match="has 2 labels; name one as 'label': "):
        score(GOOD, scorer=f"fasttext:{fasttext_file}")
    with pytest.raises(UnknownName, match="no label is called 'fina'; did you mean 'fine'"):
        score(GOOD, scorer=f"fasttext:{fasttext_file}", label="fina")


def test_what_was_fitted_needs_no_label(tmp_path: Path) -> None:
    for name, texts in (("good", GOOD), ("bad", BAD)):
        rows = [json.dumps({"text": f"{text} {number}"}) for number in range(20) for text in texts]
        (tmp_path / f"{name}.jsonl").write_text("\n".join(rows), "utf-8")
    cupel.fit(
        "quality-classifier",
        output=tmp_path / "scorer",
        options={
            "positives": [str(tmp_path / "good.jsonl")],
            "negatives": [str(tmp_path / "bad.jsonl")],
            "epochs": 20,
        },
    )
    good, bad = score([GOOD[1], BAD[1]], scorer=str(tmp_path / "scorer"))
    assert good is not None
    assert bad is not None
    assert good > bad


@pytest.mark.parametrize(
    ("labels", "problem"),
    [(["a", "b", "c"], None), (["a", "b"], "multi_label_classification"), (["value"], None)],
)
def test_a_head_of_transformers_gives_what_transformers_gives(
    tmp_path: Path, labels: list[str], problem: str | None
) -> None:
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    folder = head(tmp_path / "head", labels, problem)
    texts = ["the theorem", "buy now buy now", "", "the " * 500]
    model = load_model(str(folder), "classify")
    assert model.labels == tuple(labels)
    assert model.abilities == ("classify",)
    rows = model.classify(pa.array([*texts, None], pa.large_string()))
    reference = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    for text, row in zip(texts, rows, strict=False):
        inputs = tokenizer(text, truncation=True, max_length=16, return_tensors="pt")
        with torch.inference_mode():
            logits = reference(**inputs).logits[0]
        apply = (
            torch.sigmoid
            if problem
            else (lambda values: values)
            if len(labels) == 1
            else torch.nn.Softmax(-1)
        )
        np.testing.assert_allclose(row, apply(logits).numpy(), atol=1e-6)
    assert np.isnan(rows[-1]).all()
    alone = np.concatenate([model.classify(pa.array([text])) for text in texts])
    np.testing.assert_array_equal(rows[:-1], alone)


def test_a_regression_needs_no_label(tmp_path: Path) -> None:
    folder = head(tmp_path / "regression", ["LABEL_0"])
    (value,) = score(["the theorem"], scorer=str(folder))
    assert value is not None


def test_a_head_cannot_be_asked_for_text(tmp_path: Path) -> None:
    folder = head(tmp_path / "head", ["a", "b"])
    with pytest.raises(BadOption, match="it can be asked for classify, not for log_probs"):
        check_reference(str(folder), "log_probs")


def test_pickled_weights_and_code_are_refused(tmp_path: Path) -> None:
    folder = head(tmp_path / "head", ["a", "b"])
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(BadInput, match="pickle"):
        load_model(str(folder), "classify")


def test_a_file_of_the_hub_is_taken_from_its_cache(
    fasttext_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import huggingface_hub.constants as constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    repository = tmp_path / "hub" / "models--org--scorers"
    commit = "0" * 40
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text(commit)
    (repository / "snapshots" / commit / "web").mkdir(parents=True)
    (repository / "snapshots" / commit / "web" / "edu.bin").write_bytes(fasttext_file.read_bytes())
    reference = "fasttext:hf:org/scorers/web/edu.bin"
    (good,) = score([GOOD[0]], scorer=reference, label="fine")
    assert good is not None
    assert good > 0.9
    absent = {
        "name": "x",
        "steps": [{"classifier-score": {"scorer": "fasttext:hf:org/scorers/web/other.bin"}}],
    }
    with pytest.raises(BadOption, match="not in the cache of the Hugging Face hub"):
        cupel.refine(Recipe.from_dict(absent), input=pa.table({"text": GOOD}), output=tmp_path / "out")
    assert not (tmp_path / "out").exists()
    with pytest.raises(BadOption, match=r"expected org/name/file\.bin"):
        ClassifierScore.from_options({"scorer": "fasttext:hf:org/scorers"})


def test_several_scorers_stand_in_one_recipe(fasttext_file: Path, tmp_path: Path) -> None:
    recipe = Recipe.from_dict(
        {
            "name": "two",
            "signals": {
                "good": {"classifier-score": {"scorer": f"fasttext:{fasttext_file}", "label": "fine"}},
                "spam": {"classifier-score": {"scorer": f"fasttext:{fasttext_file}", "label": "poor"}},
            },
            "steps": ["good", {"where": "spam < 0.5"}],
        }
    )
    cupel.refine(recipe, input=pa.table({"text": GOOD + BAD}), output=tmp_path / "out")
    rows = cupel.Corpus.read([str(tmp_path / "out")]).to_arrow().to_pylist()
    assert sorted(row["text"] for row in rows) == sorted(GOOD)
    assert all(row["signals"]["good"] > 0.5 for row in rows)
