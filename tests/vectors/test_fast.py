"""`embed: fast`: one static embedder for all methods on vectors, made once, the same on every engine."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import cupel
from cupel.deduplication.semdedup import SemDeDup
from cupel.errors import BadInput, BadOption
from cupel.store import Store
from tests.models.small_bert import save_small_bert
from tests.recipe.test_ray import ON_RAY

pytest.importorskip("sentence_transformers", reason="needs the extra 'semantic'")
pytest.importorskip("faiss", reason="needs the extra 'semantic'")


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CUPEL_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_small_bert(tmp_path_factory.mktemp("bert"))


@pytest.fixture
def pool(make_pool: Callable[..., Path]) -> Path:
    return make_pool(documents=200, files=4)


def _steps(bert: Path) -> list[Any]:
    return [
        {"semdedup": {"embed": "fast", "model": str(bert), "action": "mark", "clusters": 4}},
        {"k-center": {"embed": "fast", "model": str(bert), "budget": "50%"}},
    ]


def _refine(steps: list[Any], pool: Path, output: Path, **options: Any) -> Any:
    recipe = cupel.Recipe.from_dict({"name": "fast", "steps": steps})
    return cupel.refine(recipe, input=pool, output=output, **options)


def test_methods_share_one_embedder_and_the_manifest_names_it(
    pool: Path, bert: Path, tmp_path: Path, own_cache: Path
) -> None:
    manifest = _refine(_steps(bert), pool, tmp_path / "out").manifest
    assert manifest["documents"]["kept"] == 100
    first, second = manifest["artifacts"]["semdedup"], manifest["artifacts"]["k-center"]
    assert first == second
    assert (first["learner"], first["about"]["dimensions"]) == ("static-embedder", 256)
    assert len(first["about"]["digest"]) == 64
    assert set(first["files"]) == {"vectors.npy", "tokenizer.json"}
    (artifact,) = Store(own_cache).artifacts()
    made = artifact.path.stat().st_mtime_ns
    again = _refine(_steps(bert), pool, tmp_path / "again", target_shard_bytes=20_000).manifest
    assert again["artifacts"] == manifest["artifacts"]
    assert again["content_hash"] == manifest["content_hash"]
    assert [each.path.stat().st_mtime_ns for each in Store(own_cache).artifacts()] == [made]


def test_ray_keeps_the_same_documents(pool: Path, bert: Path, tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="needs the extra ray")
    native = _refine(_steps(bert), pool, tmp_path / "native").manifest
    runs = [(_steps(bert), str(pool), str(tmp_path / "ray"))]
    code = ON_RAY.format(runs=runs, size=20_000)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.split()[-2:] == ["ray", native["content_hash"]]


def test_an_embedder_made_outside_is_used(pool: Path, bert: Path, tmp_path: Path) -> None:
    cupel.fit("d4", output=tmp_path / "fast", options={"embed": "fast", "model": str(bert)})
    options = {"embed": "fast", "model": str(bert), "clusters": 4, "kept_fraction": 0.5}
    made = _refine([{"prototypes": options}], pool, tmp_path / "a").manifest
    used = _refine(
        [{"prototypes": options | {"artifact": str(tmp_path / "fast")}}], pool, tmp_path / "b"
    ).manifest
    assert used["content_hash"] == made["content_hash"]
    with pytest.raises(BadOption, match="learns nothing with these options; only embed=fast does"):
        cupel.fit("d4", output=tmp_path / "x", options={"model": str(bert)})


def test_options_that_do_not_go_together() -> None:
    with pytest.raises(BadOption, match="embed: fast makes vectors of texts; it does not go with column"):
        SemDeDup.from_options({"embed": "fast", "column": "v"})
    with pytest.raises(BadOption, match="artifact goes with embed: fast"):
        SemDeDup.from_options({"artifact": "x"})
    with pytest.raises(BadOption, match="'embed' is 'quick'"):
        SemDeDup.from_options({"embed": "quick"})
    import pyarrow as pa

    with pytest.raises(BadInput, match="nothing was learned yet"):
        SemDeDup.from_options({"embed": "fast"}).sketch(pa.array(["A"]))
