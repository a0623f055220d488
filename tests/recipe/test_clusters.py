"""Clusters of finished runs, of whole documents and of copied parts, and what differs inside."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

import cupel
from cupel.errors import BadInput, UnknownName
from tests.conftest import prose

MENU = "Start — Über uns — Impressum — 東京\n"
STEPS = ["exact", {"lines": {"action": "mark"}}, "substring", "bloom"]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three copies of one text, six pages with one menu, of which two share a long passage."""
    folder = tmp_path_factory.mktemp("clusters")
    own = [prose(random.Random(n), 40) for n in range(8)]
    texts = [own[0]] * 3 + [MENU + text for text in own[1:7]]
    texts[8] += "\n" + own[1]
    rows = [{"id": f"d{n}", "text": text, "source": f"s{n % 2}"} for n, text in enumerate(texts)]
    (folder / "pool.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    recipe = cupel.Recipe.from_dict({"name": "c", "steps": STEPS})
    return cupel.refine(recipe, input=folder / "pool.jsonl", output=folder / "out").output


def test_clusters_of_documents(run: Path) -> None:
    (cluster,) = cupel.clusters(run, step="exact")
    assert (cluster.survivor, cluster.size) == ("d0", 3)
    assert [(member.id, member.kept) for member in cluster.members] == [
        ("d0", True),
        ("d1", False),
        ("d2", False),
    ]
    assert all(member.spans == () for member in cluster.members)


def test_clusters_of_copied_parts_name_where_they_stood(run: Path) -> None:
    (cluster,) = cupel.clusters(run, step="lines")
    assert (cluster.survivor, cluster.size) == ("d3", 5)
    assert [member.id for member in cluster.members] == ["d4", "d5", "d6", "d7", "d8"]
    size = len(MENU.encode())
    for member in cluster.members[:4]:
        assert member.kept
        assert member.spans == ((0, size),)
        assert member.score is not None
        assert 0 < member.score < 1
    assert len(cluster.members[4].spans) == 2
    (passage,) = cupel.clusters(run, step="substring")
    assert [member.id for member in passage.members] == ["d8"]
    assert passage.survivor == "d3"


def test_the_largest_first_or_the_lowest_score(run: Path) -> None:
    every = cupel.clusters(run)
    assert [cluster.size for cluster in every] == sorted((cluster.size for cluster in every), reverse=True)
    assert {cluster.step for cluster in every} <= {"exact", "lines", "substring", "bloom"}
    lowest = cupel.clusters(run, by="score")
    scores = [
        min((m.score for m in cluster.members if m.score is not None), default=1.0) for cluster in lowest
    ]
    assert scores == sorted(scores)
    assert cupel.clusters(run, limit=1) == every[:1]
    (short,) = cupel.clusters(run, step="lines", members=2)
    assert (short.size, len(short.members)) == (5, 2)


def test_only_clusters_with_a_document_of_a_source(run: Path) -> None:
    assert cupel.clusters(run, step="substring", source="s0")
    assert cupel.clusters(run, step="substring", source="s1") == []


def test_what_differs_in_texts_as_they_were_read(run: Path) -> None:
    difference = cupel.difference(run, "d3", "d4")
    assert not difference.cut
    assert difference.runs[0][0] == "both"
    assert difference.runs[0][1].startswith(MENU.strip())
    first = "".join(text for kind, text in difference.runs if kind in ("both", "first"))
    second = "".join(text for kind, text in difference.runs if kind in ("both", "second"))
    assert first == MENU + prose(random.Random(1), 40)
    assert second.split() == (MENU + prose(random.Random(2), 40)).split()
    same = cupel.difference(run, "d0", "d1")
    assert {kind for kind, _ in same.runs} == {"both"}


def test_mistakes_are_named(run: Path, tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="did you mean 'lines'"):
        cupel.clusters(run, step="line")
    with pytest.raises(BadInput, match="no document has the id 'd99'"):
        cupel.difference(run, "d0", "d99")
    with pytest.raises(BadInput):
        cupel.clusters(tmp_path)
    pool = tmp_path / "pool.jsonl"
    pool.write_text(json.dumps({"id": "a", "text": "Some words."}) + "\n")
    recipe = cupel.Recipe.from_dict({"name": "n", "steps": ["unicode-repair"]})
    output = cupel.refine(recipe, input=pool, output=tmp_path / "out").output
    with pytest.raises(BadInput, match="has no deduplication"):
        cupel.clusters(output)
