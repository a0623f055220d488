import json
import shutil
from pathlib import Path

import pyarrow as pa
import pytest

from cupel.deduplication.semdedup import SemDeDup
from cupel.errors import BadInput
from cupel.models import embedder
from cupel.models.safety import check_model_folder

pytest.importorskip("sentence_transformers", reason="needs the extra semantic")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A small model as sentence-transformers saves it: static vectors of 300 tokens, and a dense layer."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Dense, StaticEmbedding
    from tokenizers import Tokenizer

    from tests.lab import tokens

    torch.manual_seed(0)
    tokenizer = Tokenizer.from_file(str(tokens.tokenizer(tmp_path).path))
    static = StaticEmbedding(tokenizer, embedding_dim=8)
    model = SentenceTransformer(modules=[static, Dense(8, 4)], device="cpu")
    model.save_pretrained(str(tmp_path / "model"))
    return tmp_path / "model"


def rewrite(path: Path, change: object) -> None:
    value = json.loads(path.read_text())
    change(value)  # type: ignore[operator]
    path.write_text(json.dumps(value))


def test_what_the_library_saves_is_loaded(folder: Path) -> None:
    vectors = SemDeDup.from_options({"model": str(folder)}).sketch(pa.array(["the of and", "to a in"]))
    assert [len(vector) for vector in vectors.column("embedding").to_pylist()] == [8, 8]


EVIL = "from pathlib import Path\nPath(__file__).with_name('ran').touch()\nclass Module: ...\n"


@pytest.mark.parametrize("kind", ["custom.Module", "torch.nn.Identity", "sentence_transformersX.Y", None, 7])
def test_classes_of_others_are_refused_and_not_imported(folder: Path, kind: object) -> None:
    (folder / "custom.py").write_text(EVIL)
    rewrite(folder / "modules.json", lambda modules: modules[1].update(type=kind))
    with pytest.raises(
        BadInput, match=r"modules\.json: it names the class .* expected one of sentence-transformers"
    ):
        SemDeDup.from_options({"model": str(folder)}).sketch(pa.array(["a"]))
    assert not (folder / "ran").exists()


def test_the_library_itself_refuses_them_too(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedder, "check_model_folder", lambda path: None)
    (folder / "custom.py").write_text(EVIL)
    rewrite(folder / "modules.json", lambda modules: modules[1].update(type="custom.Module"))
    with pytest.raises(BadInput, match="cannot be loaded"):
        SemDeDup.from_options({"model": str(folder)}).sketch(pa.array(["a"]))
    assert not (folder / "ran").exists()


def test_classes_behind_a_router_are_refused(folder: Path) -> None:
    module = json.loads((folder / "modules.json").read_text())[1]["path"]
    (folder / module / "router_config.json").write_text(json.dumps({"types": {"inner": "custom.Module"}}))
    with pytest.raises(BadInput, match=r"router_config\.json: it names the class 'custom\.Module'"):
        check_model_folder(folder)


@pytest.mark.parametrize("place", [".", "module"])
def test_python_files_are_refused(folder: Path, place: str) -> None:
    module = json.loads((folder / "modules.json").read_text())[1]["path"]
    (folder / (module if place == "module" else ".") / "modeling.py").write_text(EVIL)
    with pytest.raises(BadInput, match=r"modeling\.py: code that comes with a model is not run"):
        check_model_folder(folder)


def test_code_named_by_a_configuration_is_refused(folder: Path) -> None:
    (folder / "config.json").write_text(json.dumps({"auto_map": {"AutoModel": "other/repo--modeling.Model"}}))
    with pytest.raises(BadInput, match=r"config\.json: it names code of its own \(auto_map\)"):
        check_model_folder(folder)


def test_pickles_are_refused_unless_safetensors_lie_beside_them(folder: Path) -> None:
    module = folder / json.loads((folder / "modules.json").read_text())[1]["path"]
    (module / "pytorch_model.bin").write_bytes(b"\x80\x04.")
    check_model_folder(folder)
    (module / "model.safetensors").unlink()
    with pytest.raises(BadInput, match=r"pytorch_model\.bin is a pickle"):
        SemDeDup.from_options({"model": str(folder)}).sketch(pa.array(["a"]))


@pytest.mark.parametrize("path", ["../elsewhere", "/elsewhere", "..\\elsewhere", 7, None])
def test_modules_outside_the_folder_are_refused(folder: Path, path: object) -> None:
    shutil.copytree(folder, folder.parent / "elsewhere")
    rewrite(folder / "modules.json", lambda modules: modules[1].update(path=path))
    with pytest.raises(BadInput, match=r"modules\.json: it names the folder .* expected one inside of"):
        check_model_folder(folder)


@pytest.mark.parametrize("text", ["{}", "[1]", "not JSON", "\x00"])
def test_a_list_of_modules_that_is_none_is_refused(folder: Path, text: str) -> None:
    (folder / "modules.json").write_text(text)
    with pytest.raises(BadInput, match=r"modules\.json: (expected a list of modules|cannot be read as JSON)"):
        check_model_folder(folder)
