"""The same recipe on Ray: the same documents, also when a node dies."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

import cupel
from tests.conftest import prose, write_pool
from tests.models.server import retell, serving

pytest.importorskip("ray", reason="needs the extra ray")

STEPS = ["unicode-repair", "gopher-repetition", "gopher-quality", "exact", "minhash", "pii"]

OWN = [
    {"threshold": {"field": "lang", "in": ["en"]}},
    {"where": "word_count > 20 and (source != 's1' or length(text) between 300 and 1000)"},
    {"exact": {"key": ["source", "text"]}},
]

# In a process of its own: Daft holds one engine per process.
ON_RAY = """
import cupel
if __name__ == "__main__":
    for steps, pool, output in {runs!r}:
        recipe = cupel.Recipe.from_dict({{"name": "r", "steps": steps}})
        engine = cupel.Engine("ray")
        result = cupel.refine(recipe, input=pool, output=output, engine=engine, target_shard_bytes={size})
        print(result.manifest["engine"], result.manifest["content_hash"])
"""

THREE_NODES = """
import os, threading, time
from pathlib import Path
from typing import Any
import cupel
from cupel.engine import daft
daft()
from ray.cluster_utils import Cluster
import ray

recipe = cupel.Recipe.from_dict({{"name": "r", "steps": {steps!r}}})
cluster = Cluster(initialize_head=True, head_node_args=dict(num_cpus=1, include_dashboard=False))
nodes = [cluster.add_node(num_cpus=1) for _ in range(2)]
ray.init(address=cluster.address, log_to_driver=False)
output = Path({output!r})

def kill():
    while not any(output.rglob("pass-0/*.done")):
        time.sleep(0.01)
    cluster.remove_node(nodes[1], allow_graceful=False)
    print("killed one with", len(list(output.rglob("pass-0/*.done"))), "shards done", flush=True)

killer = threading.Thread(target=kill)
killer.start()
engine = cupel.Engine("ray")
result = cupel.refine(recipe, input={pool!r}, output=output, engine=engine, target_shard_bytes={size})
killer.join()
until = time.monotonic() + 60  # Ray takes its time to notice
while sum(node["Alive"] for node in ray.nodes()) > 2 and time.monotonic() < until:
    time.sleep(0.1)
print(sum(node["Alive"] for node in ray.nodes()), "alive", result.manifest["content_hash"])
"""


def on_ray(script: str, folder: Path, size: int, **values: object) -> list[str]:
    path = folder / "on_ray.py"
    path.write_text(textwrap.dedent(script).format(size=size, **values))
    done = subprocess.run([sys.executable, str(path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout.strip().splitlines()


def _judge(prompt: str) -> str:
    if "paraphrase" in prompt:
        return retell(prompt)
    if "Write a program" in prompt:
        return "remove_lines(1, 1)" if len(prompt) % 3 else "keep_doc()"
    return "No." if len(prompt) % 7 == 0 else f"Score: {len(prompt) % 6}"


@contextmanager
def judging() -> Iterator[str]:
    """A model that rates texts by their length, answers every seventh without a score, and retells; its reference."""
    with serving() as server:
        server.reply = _judge
        yield f"openai:{server.base}#judge"


def mixed(folder: Path, model: str) -> list[Any]:
    """Rules, a deduplication, a classifier that is fitted, a model that is asked, edits and new documents that it
    writes, perplexity, and a selector."""
    good = folder / "good.jsonl"
    rng = random.Random(5)
    good.write_text(
        "\n".join(json.dumps({"id": f"g{n}", "text": prose(rng, 60) + " history"}) for n in range(80))
    )
    classifier = {"positives": [str(good)], "dim": 8, "buckets": 1000, "epochs": 2}
    return [
        "gopher-quality",
        "exact",
        {"quality-classifier": classifier},
        {"threshold": {"signal": "quality", "at_least": 0.05}},
        {"llm-rating": {"model": model}},
        {"threshold": {"signal": "llm_rating", "at_least": 1}},
        {"program-edits": {"model": model}},
        {"rephrase": {"model": model, "styles": ["easy", "medium"]}},
        "ngram-perplexity",
        {"sample": {"by": "ngram_perplexity", "budget": "70%", "temperature": 0.5}},
    ]


@dataclass(frozen=True)
class Pair:
    """One recipe on one pool, on both engines."""

    native: Path
    ray: Path
    content_hash: str
    on_ray: str
    """What the run on Ray said of itself."""


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Pair]:
    """Four recipes; Ray is started once for all."""
    folder = tmp_path_factory.mktemp("ray")
    with judging() as model, pytest.MonkeyPatch.context() as patch:
        recipes = {
            "steps": STEPS,
            "weights": [{"softdedup": {"action": "weigh", "segments": 5}}],
            "mixed": mixed(folder, model),
            "own": OWN,
        }
        runs, hashes = [], []
        patch.setenv("CUPEL_CACHE", str(folder / "native-cache"))
        for name, steps in recipes.items():
            pool = folder / f"{name}-pool"
            write_pool(pool, documents=200, files=4)
            recipe = cupel.Recipe.from_dict({"name": "r", "steps": steps})
            native = cupel.refine(recipe, input=pool, output=folder / f"{name}-native")
            hashes.append(native.manifest["content_hash"])
            runs.append((steps, str(pool), str(folder / f"{name}-ray")))
        patch.setenv(
            "CUPEL_CACHE", str(folder / "ray-cache")
        )  # what one engine learned the other learns anew
        said = on_ray(ON_RAY, folder, 50_000, runs=runs)[-len(runs) :]
    return {
        name: Pair(folder / f"{name}-native", folder / f"{name}-ray", content_hash, line)
        for name, content_hash, line in zip(recipes, hashes, said, strict=True)
    }


def test_ray_gives_the_same_documents(pairs: dict[str, Pair]) -> None:
    pair = pairs["steps"]
    assert pair.on_ray == f"ray {pair.content_hash}"
    for name in ("exact", "minhash"):
        native, ray = (
            pq.read_table(output / "clusters" / f"{name}.parquet") for output in (pair.native, pair.ray)
        )
        assert native.num_rows > 0
        assert native.equals(ray), f"{name}: other clusters on Ray"


def test_what_is_learned_asked_and_selected_is_the_same_on_ray(pairs: dict[str, Pair]) -> None:
    pair = pairs["mixed"]
    assert pair.on_ray == f"ray {pair.content_hash}"
    native, ray = (json.loads((output / "manifest.json").read_bytes()) for output in (pair.native, pair.ray))
    assert native["artifacts"] == ray["artifacts"]
    assert set(native["artifacts"]) == {"quality-classifier", "ngram-perplexity"}
    documents = native["documents"]
    assert 0 < documents["kept"] < documents["generated"] + documents["in"] - documents["quarantined"]
    used = [manifest["asked"]["llm-rating"] for manifest in (native, ray)]
    assert used[0] == used[1]
    assert used[0]["cached"] == 0 < used[0]["requests"]


def test_fields_expressions_and_keys_are_the_same_on_ray(pairs: dict[str, Pair]) -> None:
    pair = pairs["own"]
    assert pair.on_ray == f"ray {pair.content_hash}"
    documents = json.loads((pair.ray / "manifest.json").read_bytes())["documents"]
    assert 0 < documents["kept"] < documents["in"]


def test_weights_are_the_same_on_ray(pairs: dict[str, Pair]) -> None:
    pair = pairs["weights"]
    assert pair.on_ray == f"ray {pair.content_hash}"

    def weights(output: Path) -> dict[str, float]:
        tables = [
            pq.read_table(path, columns=["id", "weight"]) for path in (output / "data").glob("*.parquet")
        ]
        return {row["id"]: row["weight"] for table in tables for row in table.to_pylist()}

    native = weights(pair.native)
    assert len(set(native.values())) > 1, "all weigh the same"
    assert weights(pair.ray) == native


@pytest.mark.slow
def test_a_node_that_dies_midway_changes_nothing(make_pool: Callable[..., Path], tmp_path: Path) -> None:
    pool = make_pool(1000, 10)
    recipe = cupel.Recipe.from_dict({"name": "r", "steps": STEPS})
    content_hash = cupel.refine(recipe, input=pool, output=tmp_path / "native").manifest["content_hash"]
    said = on_ray(THREE_NODES, tmp_path, 50_000, steps=STEPS, pool=str(pool), output=str(tmp_path / "ray"))
    assert [line for line in said if line.startswith("killed one")]
    assert f"2 alive {content_hash}" in said, [line for line in said if "alive" in line]
    ledger = cupel.Result(
        tmp_path / "ray", json.loads((tmp_path / "ray" / "manifest.json").read_text())
    ).ledger()
    assert ledger.count_rows() == 1000


ON_GPUS = """
import json, os
import ray
ray.init(address="local", num_cpus=2, num_gpus={gpus}, include_dashboard=False, log_to_driver=False)
from cupel.engine import Engine
from cupel.errors import RunFailed

def where(payload):
    return json.dumps([payload, os.getpid(), os.environ.get("CUDA_VISIBLE_DEVICES")])

engine = Engine("ray")
engine.start()
try:
    for result in engine.map(where, list("abcdefgh"), gpus=True):
        print(result)
except RunFailed as error:
    print(error)
"""


def test_an_actor_for_each_gpu(tmp_path: Path) -> None:
    """GPUs that Ray only counts: what matters is who gets which."""
    said = [json.loads(line) for line in on_ray(ON_GPUS, tmp_path, 0, gpus=2)]
    assert sorted(payload for payload, _, _ in said) == list("abcdefgh")
    processes = {(process, device) for _, process, device in said}
    assert len(processes) == 2
    assert {device for _, device in processes} == {"0", "1"}
    (refused,) = on_ray(ON_GPUS, tmp_path, 0, gpus=0)
    assert refused.startswith("a step computes on 'cuda', and the cluster has no GPU")
