"""The same recipe on Ray: the same documents, also when a node dies."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path

import pyarrow.parquet as pq
import pytest

import cupel

pytest.importorskip("ray", reason="the Ray engine is an extra: pip install 'cupel[ray]'")

STEPS = ["unicode-repair", "gopher-repetition", "gopher-quality", "exact", "minhash", "pii"]

# Each test starts its own process: Daft holds one engine a process.
ON_RAY = """
import cupel, sys
recipe = cupel.Recipe.from_dict({{"name": "r", "steps": {steps!r}}})
if __name__ == "__main__":
    result = cupel.refine(recipe, input={pool!r}, output={output!r}, engine=cupel.Engine("ray"), target_shard_bytes={size})
    print(result.manifest["engine"], result.manifest["content_hash"])
"""

THREE_NODES = """
import os, threading, time
from pathlib import Path
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
    while not any(output.rglob("stage-0/*.done")):
        time.sleep(0.01)
    cluster.remove_node(nodes[1], allow_graceful=False)
    print("killed one with", len(list(output.rglob("stage-0/*.done"))), "shards done", flush=True)

killer = threading.Thread(target=kill)
killer.start()
result = cupel.refine(recipe, input={pool!r}, output=output, engine=cupel.Engine("ray"), target_shard_bytes={size})
killer.join()
until = time.monotonic() + 60  # Ray takes its time to notice
while sum(node["Alive"] for node in ray.nodes()) > 2 and time.monotonic() < until:
    time.sleep(0.1)
print(sum(node["Alive"] for node in ray.nodes()), "alive", result.manifest["content_hash"])
"""


def on_ray(script: str, pool: Path, output: Path, size: int, steps: Sequence[object] = STEPS) -> list[str]:
    code = textwrap.dedent(script).format(steps=list(steps), pool=str(pool), output=str(output), size=size)
    path = output.parent / f"on_{output.name}.py"
    path.write_text(code)
    done = subprocess.run([sys.executable, str(path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout.strip().splitlines()


@pytest.fixture
def expected(make_pool: Callable[..., Path], tmp_path: Path) -> tuple[Path, str]:
    pool = make_pool(1000, 10)
    recipe = cupel.Recipe.from_dict({"name": "r", "steps": STEPS})
    return pool, cupel.refine(recipe, input=pool, output=tmp_path / "native").manifest["content_hash"]


def test_ray_gives_the_same_documents(expected: tuple[Path, str], tmp_path: Path) -> None:
    pool, content_hash = expected
    assert on_ray(ON_RAY, pool, tmp_path / "ray", 50_000)[-1] == f"ray {content_hash}"
    for name in ("exact", "minhash"):
        native, ray = (
            pq.read_table(tmp_path / engine / "clusters" / f"{name}.parquet") for engine in ("native", "ray")
        )
        assert native.num_rows > 0
        assert native.equals(ray), f"{name}: other clusters on Ray"


def test_weights_are_the_same_on_ray(make_pool: Callable[..., Path], tmp_path: Path) -> None:
    pool = make_pool(300, 4)
    steps = [{"softdedup": {"action": "weigh", "segments": 5}}]
    recipe = cupel.Recipe.from_dict({"name": "r", "steps": steps})
    native = cupel.refine(recipe, input=pool, output=tmp_path / "native")
    said = on_ray(ON_RAY, pool, tmp_path / "ray", 50_000, steps)
    assert said[-1] == f"ray {native.manifest['content_hash']}"

    def weights(output: Path) -> dict[str, float]:
        tables = [
            pq.read_table(path, columns=["id", "weight"]) for path in (output / "data").glob("*.parquet")
        ]
        return {row["id"]: row["weight"] for table in tables for row in table.to_pylist()}

    found = weights(native.output)
    assert len(set(found.values())) > 1, "all weigh the same"
    assert weights(tmp_path / "ray") == found


def test_a_node_that_dies_midway_changes_nothing(expected: tuple[Path, str], tmp_path: Path) -> None:
    pool, content_hash = expected
    said = on_ray(THREE_NODES, pool, tmp_path / "ray", 50_000)
    assert [line for line in said if line.startswith("killed one")]
    assert f"2 alive {content_hash}" in said, [line for line in said if "alive" in line]
    ledger = cupel.Result(
        tmp_path / "ray", json.loads((tmp_path / "ray" / "manifest.json").read_text())
    ).ledger()
    assert ledger.count_rows() == 1000
