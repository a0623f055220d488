from pathlib import Path

import pytest

from cupel.errors import BadInput, UnknownName
from cupel.reproduction.folder import find_claim, find_claims, find_data
from tests.reproduction import world

MADE = """
from cupel.reproduction.claim import Claim, ClaimCost, ClaimOutcome
from cupel.contract import Paper

claim = Claim(
    title="Made",
    paper=Paper(title="A paper", authors="Somebody", year=2020, url="https://example.org"),
    statement="One is less than two.",
    arms={"one": "1", "two": "2"},
    metric="numbers",
    expected="one < two",
    rule="Holds if one < two.",
    cost=ClaimCost(trials=2, trial_minutes=0.5),
    data=("articles",),
)


def run(context):
    count = context.pool(["articles"]).num_rows
    return ClaimOutcome(passed=count > 1, verdict=f"{count} articles.", effect=count / 2, unit="pairs", interval=(1.0, 2.0))
"""


def test_a_claim_is_found_by_being_there(tmp_path: Path) -> None:
    (tmp_path / "made.py").write_text(MADE)
    (tmp_path / "_helper.py").write_text("x = 1\n")
    claims = find_claims(tmp_path)
    assert list(claims) == ["made"]
    assert claims["made"].claim.statement == "One is less than two."
    assert str(claims["made"].claim.cost) == "2 trials × 0.5 minutes, two at a time"


def test_what_is_no_claim_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"no folder of claims at .*nowhere; .*--folder"):
        find_claims(tmp_path / "nowhere")
    with pytest.raises(BadInput, match="has no claim"):
        find_claims(tmp_path)
    (tmp_path / "made.py").write_text(MADE)
    with pytest.raises(UnknownName, match="did you mean 'made'"):
        find_claim("mode", tmp_path)
    (tmp_path / "other.py").write_text("claim = 1\n")
    with pytest.raises(BadInput, match=r"other\.py is no claim; expected `claim = Claim"):
        find_claims(tmp_path)
    (tmp_path / "other.py").write_text("import nothing_of_this_name\n")
    with pytest.raises(BadInput, match=r"other\.py cannot be loaded: .*nothing_of_this_name"):
        find_claims(tmp_path)


def test_data_lie_beside_the_project(tmp_path: Path) -> None:
    claims = tmp_path / "project" / "claims"
    claims.mkdir(parents=True)
    assert find_data(claims) is None
    (tmp_path / "shared" / "data").mkdir(parents=True)
    assert find_data(claims) == tmp_path / "shared" / "data"


@pytest.mark.parametrize("name", sorted(find_claims(world.CLAIMS)))
def test_every_claim_says_what_it_is(name: str) -> None:
    claim = world.claim(name).claim
    assert claim.paper.url.startswith("https://")
    assert claim.paper.section
    for said in (claim.title, claim.statement, claim.metric, claim.expected, claim.rule):
        assert len(said) > 10
    assert claim.statement.endswith(".")
    assert len(claim.arms) >= 1
    assert all(claim.arms.values())
    assert claim.cost.trials % claim.seeds == 0
    assert claim.data
    assert len(world.claim(name).path.read_text().splitlines()) <= 200


@pytest.mark.parametrize("name", sorted(find_claims(world.CLAIMS)))
def test_every_claim_says_that_the_data_are_missing(name: str, tmp_path: Path) -> None:
    claim_file = world.claim(name)
    with pytest.raises(BadInput, match="there are no data; name their folder with --data"):
        claim_file.run(world.context(tmp_path))
    with pytest.raises(BadInput, match=rf"{claim_file.claim.data[0]}\.jsonl\.zst is not there"):
        claim_file.run(world.context(tmp_path, tmp_path))
