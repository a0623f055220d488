import json
from pathlib import Path

import pytest

import cupel
from cupel.errors import BadInput, BadOption
from cupel.lab.data.arms import Arm, ArmPart, check_names
from cupel.lab.data.documents import read_documents
from tests.lab import tokens


def _write(path: Path, rows: list[dict[str, object]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_what_may_be_written() -> None:
    assert Arm.parse("pool/") == Arm("pool", (ArmPart("pool/"),))
    assert Arm.parse("clean=s3://bucket/refined") == Arm("clean", (ArmPart("s3://bucket/refined"),))
    assert Arm.parse("fineweb@pool") == Arm("fineweb@pool", (ArmPart("pool", "fineweb"),))
    assert Arm.parse("web:0.7,wiki:.3") == Arm(
        "web+wiki", (ArmPart("web", None, 0.7), ArmPart("wiki", None, 0.3))
    )


@pytest.mark.parametrize("argument", ["a:0.5,b", "a,b", "a:0,b:1"])
def test_half_a_mixture_is_refused(argument: str) -> None:
    with pytest.raises(BadOption, match=r"mixture|share"):
        Arm.parse(argument)


def test_names_must_differ() -> None:
    with pytest.raises(BadOption, match="two arms are called 'pool'"):
        check_names([Arm.parse("a/pool"), Arm.parse("b/pool")])


def test_a_path_with_signs_of_the_grammar_is_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("x=y", "c4@home"):
        Path(name).mkdir()
        assert Arm.parse(name).parts == (ArmPart(name),)


def test_weights_and_domains_come_from_fields(tmp_path: Path) -> None:
    path = _write(
        tmp_path / "pool.jsonl",
        [
            {"id": "a", "text": "Café", "weight": 0.5, "domain": "menus"},
            {"id": "b", "text": "東京"},
            {"id": "c", "text": "x", "weight": 2},
        ],
    )
    rows = [row for batch in read_documents(str(path)) for row in batch.to_pylist()]
    assert [(row["id"], row["weight"], row["domain"]) for row in rows] == [
        ("a", 0.5, "menus"),
        ("b", 1.0, "pool"),
        ("c", 2.0, "pool"),
    ]


@pytest.mark.parametrize("weight", [-1, "much", True, float("nan"), float("inf"), float("-inf")])
def test_a_weight_that_is_none_is_named(tmp_path: Path, weight: object) -> None:
    path = _write(tmp_path / "pool.jsonl", [{"id": "a", "text": "Café", "weight": weight}])
    with pytest.raises(BadInput, match="document a: weight"):
        list(read_documents(str(path)))


def test_weights_of_a_refined_output_are_honoured(tmp_path: Path) -> None:
    path = _write(
        tmp_path / "pool.jsonl",
        [{"id": str(n), "text": "the same words again " * 30} for n in range(40)]
        + [{"id": f"own{n}", "text": text} for n, text in enumerate(tokens.texts(60))],
    )
    recipe = cupel.Recipe.from_dict({"name": "soft", "steps": ["softdedup"]})
    cupel.refine(recipe, input=path, output=tmp_path / "out")
    weights = [
        w for batch in read_documents(str(tmp_path / "out")) for w in batch.column("weight").to_pylist()
    ]
    assert weights == cupel.Corpus.read(tmp_path / "out").to_arrow().column("weight").to_pylist()
    assert len(set(weights)) > 1


def test_identity_follows_the_content(tmp_path: Path) -> None:
    path = _write(tmp_path / "pool.jsonl", [{"id": "a", "text": "Café"}])
    before = Arm.parse(str(path)).identity()
    assert Arm.parse(str(path)).identity() == before
    _write(path, [{"id": "a", "text": "Cafe"}])
    assert Arm.parse(str(path)).identity() != before
