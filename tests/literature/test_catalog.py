"""The catalog: nothing that cites a paper is left out, and a paper that is cited twice is one."""

from __future__ import annotations

from pathlib import Path

import pytest

from cupel.contract import Paper, all_methods
from cupel.errors import BadInput
from cupel.literature import catalog
from cupel.literature.catalog import LiteratureEntry, cite, gather, plain_words
from cupel.literature.find import find_papers
from cupel.literature.surveys import read_surveys
from cupel.recipe.recipe import Recipe, built_in_recipes
from cupel.reproduction.folder import find_claims
from cupel.reproduction.result import read_results
from tests.reproduction.test_folder import MADE
from tests.reproduction.world import CLAIMS


@pytest.fixture(scope="module")
def entries() -> tuple[LiteratureEntry, ...]:
    return gather(CLAIMS)


def test_everything_that_cites_a_paper_is_in_its_entry(entries: tuple[LiteratureEntry, ...]) -> None:
    def titles(entry: LiteratureEntry) -> str:
        return " ".join(plain_words(entry.title))

    for name, method in all_methods().items():
        for paper in method.papers:
            (entry,) = [
                entry
                for entry in entries
                if titles(entry).startswith(" ".join(plain_words(paper.title))) or entry.url == paper.url
            ]
            assert name in [use.name for use in entry.methods], paper.title
    cited = [recipe for entry in entries for recipe in entry.recipes]
    assert sorted(cited) == [name for name in sorted(built_in_recipes()) if Recipe.load(name).paper]
    claims = {claim.id: claim for entry in entries for claim in entry.claims}
    assert claims.keys() == find_claims(CLAIMS).keys()
    for id, result in read_results(CLAIMS).items():
        assert claims[id].verdict == result.verdict
    surveys = [heading for entry in entries for heading in entry.surveys]
    assert set(surveys) == {"Taxonomy", *(survey.heading for survey in read_surveys())}


def test_every_entry_says_who_when_and_where(entries: tuple[LiteratureEntry, ...]) -> None:
    assert len({entry.url for entry in entries}) == len(entries)
    assert len({" ".join(plain_words(entry.title)) for entry in entries}) == len(entries)
    for entry in entries:
        assert entry.cited.endswith(str(entry.year))
        assert entry.methods or entry.recipes or entry.claims or entry.surveys
    assert [entry.year for entry in entries] == sorted((entry.year for entry in entries), reverse=True)


def test_one_paper_cited_in_many_ways_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    citations = [
        (Paper("Bread", "Szép et al.", 2021, "https://arxiv.org/abs/2101.00001"), "recipes", "a"),
        (Paper("Bread, and Butter", "Szép, Müller", 2020, "https://www.example.org/bread/"), "recipes", "b"),
        (Paper("bread and butter", "Szép", 2020, "http://arxiv.org/pdf/2101.00001v3"), "recipes", "c"),
        (Paper("Bread", "Other", 1990, "https://arxiv.org/abs/9001.00001#x"), "recipes", "d"),
        (Paper("Salt", "Other", 1990, "http://example.org/bread#crust"), "recipes", "e"),
        (Paper("Wine", "東京", 1991, "https://example.org/wine"), "recipes", "f"),
    ]
    monkeypatch.setattr(catalog, "_citations", lambda folder: iter(citations))
    for order in (citations, citations[::-1]):
        monkeypatch.setattr(catalog, "_citations", lambda folder, order=order: iter(order))
        wine, bread = gather()
        assert (wine.cited, wine.recipes) == ("東京 1991", ("f",))
        assert bread.recipes == ("a", "b", "c", "d", "e")
        assert (bread.title, bread.authors, bread.year) == ("Bread, and Butter", "Szép, Müller", 1990)
        assert "arxiv.org" in bread.url


@pytest.mark.parametrize(
    ("authors", "cited"),
    [
        ("Lee, Ippolito, Nystrom", "Lee et al. 2000"),
        ("Li et al.", "Li et al. 2000"),
        ("Li, Xu et al.", "Li et al. 2000"),
        ("Chen, Goodman", "Chen and Goodman 2000"),
        ("Chen and Goodman", "Chen and Goodman 2000"),
        ("Radford, Wu and Child", "Radford et al. 2000"),
        ("Radford, Wu, and Child", "Radford et al. 2000"),
        ("Anderson", "Anderson 2000"),
        ("Kool, van Hoof, Welling", "Kool et al. 2000"),
    ],
)
def test_authors_are_cited_as_in_a_text(authors: str, cited: str) -> None:
    assert cite(authors, 2000) == cited


def test_claims_are_read_where_they_are_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert not any(entry.claims for entry in gather())
    (tmp_path / "claims").mkdir()
    foreign = tmp_path / "claims" / "water_damage.py"
    foreign.write_text("raise SystemExit('executed')\n")
    assert not any(entry.claims for entry in gather())
    foreign.unlink()
    (tmp_path / "claims" / "made.py").write_text(MADE)
    (made,) = [claim for entry in gather() for claim in entry.claims]
    assert (made.id, made.outcome, made.verdict) == ("made", "not run yet", "")
    with pytest.raises(BadInput, match=r"no folder of claims at nowhere"):
        gather(Path("nowhere"))


def test_words_find_papers(entries: tuple[LiteratureEntry, ...]) -> None:
    def cited(*words: str) -> list[str]:
        return [entry.cited for entry in find_papers(entries, words)]

    assert len(cited()) == len(entries)
    assert cited("Lee", "2022") == ["Lee et al. 2022"]
    assert "Lee et al. 2022" in cited("minhash")
    assert cited("2107.06499") == cited("https://arxiv.org/abs/2107.06499") == ["Lee et al. 2022"]
    assert cited("lee_duplicates") == ["Lee et al. 2022"]
    assert "Rae et al. 2021" in cited("gopher-quality")
    assert cited("data-efficient learning") == ["Abbas et al. 2023"]
    assert cited("ustun") == cited("Üstün") == ["Marion et al. 2023"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["minhsh"], "no paper has 'minhsh' in .*; did you mean 'minhash'"),
        (["qqqq"], r"no paper has 'qqqq' in .*; `cupel papers` lists all \d+"),
        (["lee", "1970"], "all of these words; papers with each alone: 'lee' [0-9]+, '1970' 1"),
        (["?!"], r"no paper has '\?!'"),
        ([""], "no paper has ''"),
    ],
)
def test_words_that_find_nothing_are_named(
    entries: tuple[LiteratureEntry, ...], words: list[str], message: str
) -> None:
    with pytest.raises(BadInput, match=message):
        find_papers(entries, words)
