"""The catalog of papers, gathered from the cards of methods, the built-in recipes, the claims, and the surveys."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, NamedTuple

from cupel.contract import Paper, all_methods
from cupel.contract.taxonomy import TAXONOMY
from cupel.literature.surveys import read_surveys
from cupel.recipe.recipe import Recipe, built_in_recipes
from cupel.reproduction.folder import ClaimFile, find_claims
from cupel.reproduction.result import read_results
from cupel.reproduction.table import holds

__all__ = ["LiteratureEntry", "PaperClaim", "PaperMethod", "cite", "gather", "plain_words"]

_CLAIMS = Path("claims")
_ARXIV = re.compile(r"arxiv\.org/(?:abs|pdf|html)/(\d{4}\.\d{4,5}|[a-z-]+/\d{7})")
_NAMES = re.compile(r",\s*(?:and\s+|&\s*)?|\s+and\s+|\s*&\s*")


class PaperMethod(NamedTuple):
    """A method that a paper describes: its name and kind, and the place in the paper."""

    name: str
    kind: str
    section: str


class PaperClaim(NamedTuple):
    """A claim of a paper: its id, what the paper says, whether it holds here, and the verdict in a sentence."""

    id: str
    statement: str
    outcome: str
    verdict: str


@dataclass(frozen=True)
class LiteratureEntry:
    """One paper, and everything here that comes from it.

    Attributes
    ----------
    title, authors, year, url
        As the most detailed card has them.
    methods, recipes, claims
        What implements it; what it says that was tested here.
    surveys
        Headings of the lists in docs/literature.md that follow it.
    """

    title: str
    authors: str
    year: int
    url: str
    methods: tuple[PaperMethod, ...] = ()
    recipes: tuple[str, ...] = ()
    claims: tuple[PaperClaim, ...] = ()
    surveys: tuple[str, ...] = ()

    @property
    def cited(self) -> str:
        """Authors and year, as a text cites them: `Lee et al. 2022`."""
        return cite(self.authors, self.year)

    @property
    def commands(self) -> tuple[str, ...]:
        """What to type: about each method, with each recipe, for each claim."""
        return (
            *(f"cupel methods {method.name}" for method in self.methods),
            *(f"cupel refine {recipe} pool -o refined" for recipe in self.recipes),
            *(f"cupel claims run {claim.id}" for claim in self.claims),
        )


@dataclass
class _Sources:
    """What cites one paper, as it comes in."""

    papers: list[Paper] = field(default_factory=list)
    methods: list[PaperMethod] = field(default_factory=list)
    recipes: list[str] = field(default_factory=list)
    claims: list[PaperClaim] = field(default_factory=list)
    surveys: list[str] = field(default_factory=list)

    def merge(self, other: _Sources) -> None:
        """Add what cites the same paper in another way."""
        for part in fields(self):
            getattr(self, part.name).extend(getattr(other, part.name))

    def entry(self) -> LiteratureEntry:
        """The entry. Cards cite one paper in more or less detail; the most detailed wins."""
        return LiteratureEntry(
            title=max((paper.title for paper in self.papers), key=lambda title: (len(title), title)),
            authors=max((paper.authors for paper in self.papers), key=lambda names: (len(names), names)),
            year=min(paper.year for paper in self.papers),
            url=min((paper.url for paper in self.papers), key=lambda url: ("arxiv.org" not in url, url)),
            methods=tuple(sorted({method.name: method for method in self.methods}.values())),
            recipes=tuple(sorted(self.recipes)),
            claims=tuple(sorted(self.claims)),
            surveys=tuple(self.surveys),
        )


def gather(folder: Path | None = None) -> tuple[LiteratureEntry, ...]:
    """Every paper that something here comes from, the newest first.

    Parameters
    ----------
    folder
        The claims, each a Python file, which is executed, with their results. None: the folder `claims` of the working
        folder if it holds claims; an installed package brings none.

    Raises
    ------
    BadInput
        The folder that is named is not there, or a file in it is no claim.
    """
    by_key: dict[str, _Sources] = {}
    for paper, part, item in _citations(folder):
        sources = _Sources([paper])
        getattr(sources, part).append(item)
        keys = {_address(paper.url), " ".join(plain_words(paper.title))}
        # One paper may have been cited by another address, or under another title, or both by themselves.
        for known in {id(by_key[key]): by_key[key] for key in sorted(keys) if key in by_key}.values():
            sources.merge(known)
            keys |= {key for key, holder in by_key.items() if holder is known}
        by_key.update(dict.fromkeys(keys, sources))
    entries = [sources.entry() for sources in {id(sources): sources for sources in by_key.values()}.values()]
    return tuple(sorted(entries, key=lambda entry: (-entry.year, plain_words(entry.cited), entry.title)))


def cite(authors: str, year: int) -> str:
    """Authors and year, as a text cites them.

    >>> cite("Lee, Ippolito, Nystrom", 2022), cite("Chen, Goodman", 1999), cite("Li et al.", 2024)
    ('Lee et al. 2022', 'Chen and Goodman 1999', 'Li et al. 2024')
    """
    names = [name for name in _NAMES.split(authors.replace("et al.", ", et al.")) if name.strip()]
    first = names[0].strip() if names else authors
    if len(names) == 1:
        return f"{first} {year}"
    second = names[1].strip()
    return (
        f"{first} and {second} {year}" if len(names) == 2 and second != "et al." else f"{first} et al. {year}"
    )


def plain_words(text: str) -> list[str]:
    """The words of a text without accents, case and punctuation.

    >>> plain_words("Szép: FineWeb's Café, 東京")
    ['szep', 'fineweb', 's', 'cafe', '東京']
    """
    decomposed = unicodedata.normalize("NFKD", text)
    bare = "".join(character for character in decomposed if not unicodedata.combining(character))
    return re.findall(r"\w+", bare.casefold())


def _citations(folder: Path | None) -> Iterator[tuple[Paper, str, Any]]:
    """Every citation: the paper, which part of its entry it adds to, and what."""
    for name, method in all_methods().items():
        for paper in method.papers:
            yield paper, "methods", PaperMethod(name, method.kind, paper.section)
    for name in built_in_recipes():
        record = Recipe.load(name).paper
        if record:
            yield Paper(record["title"], record["authors"], record["year"], record["url"]), "recipes", name
    claim_files = _claims(folder)
    results = read_results(folder or _CLAIMS) if claim_files else {}
    for id, claim_file in claim_files.items():
        result = results.get(id)
        tested = PaperClaim(id, claim_file.claim.statement, holds(result), result.verdict if result else "")
        yield claim_file.claim.paper, "claims", tested
    yield TAXONOMY, "surveys", "Taxonomy"
    for survey in read_surveys():
        yield survey.paper, "surveys", survey.heading


def _claims(folder: Path | None) -> Mapping[str, ClaimFile]:
    if folder is not None:
        return find_claims(folder)
    # A folder of this name may be anybody's, and claims are executed.
    ours = any("cupel.reproduction" in path.read_text("utf-8", "replace") for path in _CLAIMS.glob("*.py"))
    return find_claims(_CLAIMS) if ours else {}


def _address(url: str) -> str:
    """The same for all addresses of a paper on arXiv; otherwise the address without what does not matter."""
    on_arxiv = _ARXIV.search(url)
    if on_arxiv:
        return f"arxiv:{on_arxiv[1]}"
    return re.sub(r"^https?://(www\.)?", "", url.casefold()).partition("#")[0].rstrip("/")
