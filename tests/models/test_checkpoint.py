from __future__ import annotations

import json
from pathlib import Path

import pytest

from cupel.errors import BadInput
from cupel.models.checkpoint import load_checkpoint, prefix_token
from tests.models import tiny

torch = pytest.importorskip("torch")


def test_a_trial_comes_back_as_it_was_saved(tmp_path: Path) -> None:
    loaded, tokenizer = load_checkpoint(tiny.save(tmp_path, seed=4))
    expected = tiny.model(4).state_dict()
    assert all(torch.equal(expected[name], value) for name, value in loaded.state_dict().items())
    assert not loaded.training
    text = "  Café 東京\n\n don't"
    assert tokenizer.encode(text) == tiny.tokenizer().encode(text)
    # Only config.json says which token ends a text.
    assert prefix_token(tokenizer) == tokenizer.eos_token_id == 0


def test_pickled_weights_are_refused(tmp_path: Path) -> None:
    folder = tiny.save(tmp_path)
    (folder / "model.safetensors").unlink()
    torch.save(tiny.model().state_dict(), folder / "pytorch_model.bin")
    with pytest.raises(BadInput, match=r"pytorch_model\.bin is a pickle"):
        load_checkpoint(folder)


def test_safetensors_are_read_where_a_pickle_lies_beside_them(tmp_path: Path) -> None:
    folder = tiny.save(tmp_path)
    (folder / "pytorch_model.bin").write_bytes(b"not a pickle")
    read, _ = load_checkpoint(folder)
    saved = tiny.model().state_dict()
    assert read.state_dict().keys() == saved.keys()
    assert all(torch.equal(weight, saved[name]) for name, weight in read.state_dict().items())


@pytest.mark.parametrize(
    ("shard", "fault"),
    [
        ("pytorch_model.bin", "is not safetensors and can run code"),
        ("../other/model.safetensors", "files of the folder itself"),
        ("..\\\\model.safetensors", "files of the folder itself"),
        ("model-00001-of-00002.safetensors", "which is not there"),
        (7, "is not safetensors"),
    ],
)
def test_an_index_that_names_other_files_is_refused(tmp_path: Path, shard: object, fault: str) -> None:
    folder = tiny.save(tmp_path / "model")
    (tmp_path / "other").mkdir()
    (folder / "model.safetensors").rename(tmp_path / "other" / "model.safetensors")
    torch.save(tiny.model().state_dict(), folder / "pytorch_model.bin")
    index = {"weight_map": dict.fromkeys(tiny.model().state_dict(), shard)}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(BadInput, match=fault):
        load_checkpoint(folder)


def test_an_index_without_a_weight_map_is_refused(tmp_path: Path) -> None:
    folder = tiny.save(tmp_path)
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors.index.json").write_text("[]")
    with pytest.raises(BadInput, match="expected a JSON object with a weight_map"):
        load_checkpoint(folder)


def test_code_in_the_folder_is_refused(tmp_path: Path) -> None:
    folder = tiny.save(tmp_path)
    config = json.loads((folder / "config.json").read_text())
    config["auto_map"] = {"AutoModelForCausalLM": "modeling.Own"}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "modeling.py").write_text("raise SystemExit('this ran')")
    with pytest.raises(BadInput, match="is not run"):
        load_checkpoint(folder)


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "model.safetensors"])
def test_a_missing_file_is_named(tmp_path: Path, name: str) -> None:
    folder = tiny.save(tmp_path)
    (folder / name).unlink()
    with pytest.raises(BadInput, match=f"no {name}"):
        load_checkpoint(folder)


def test_cut_weights_are_an_error_that_names_the_folder(tmp_path: Path) -> None:
    folder = tiny.save(tmp_path)
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(BadInput, match="not a checkpoint that can be read"):
        load_checkpoint(folder)
