"""Papers by words of their title, authors, year, address, methods and their kinds, recipes and claims."""

from __future__ import annotations

import difflib
from collections.abc import Sequence, Set

from cupel.errors import BadInput
from cupel.literature.catalog import LiteratureEntry, plain_words

__all__ = ["find_papers"]


def find_papers(entries: Sequence[LiteratureEntry], words: Sequence[str]) -> list[LiteratureEntry]:
    """The papers that every word is found in; all if there are none.

    A word is found where a name or a word begins with it, without regard to case and accents.

    Raises
    ------
    BadInput
        No paper has them all; the message suggests the nearest.

    Examples
    --------
    >>> lee = LiteratureEntry("Deduplicating Training Data", "Lee et al.", 2022, "https://arxiv.org/abs/2107.06499")
    >>> [entry.cited for entry in find_papers([lee], ["dedup", "2022"])]
    ['Lee et al. 2022']
    >>> find_papers([lee], ["leee"])
    Traceback (most recent call last):
      ...
    cupel.errors.BadInput: no paper has 'leee' in its title, authors, year or methods; did you mean 'lee'?
    """
    terms = [_terms(entry) for entry in entries]
    matches = [
        entry for entry, own in zip(entries, terms, strict=True) if all(_holds(own, word) for word in words)
    ]
    if matches:
        return matches
    counts = {word: sum(_holds(own, word) for own in terms) for word in words}
    missing = [word for word, count in counts.items() if not count]
    if not missing:
        each = ", ".join(f"'{word}' {count}" for word, count in counts.items())
        raise BadInput(f"no paper has all of these words; papers with each alone: {each}")
    close = difflib.get_close_matches(missing[0].casefold(), sorted(set().union(*terms)), n=1, cutoff=0.6)
    advice = f"did you mean '{close[0]}'?" if close else f"`cupel papers` lists all {len(entries)}"
    raise BadInput(f"no paper has '{missing[0]}' in its title, authors, year or methods; {advice}")


def _holds(terms: Set[str], word: str) -> bool:
    """Whether a term begins with a word; with each part of a word of several that no term begins with as it stands."""
    parts = plain_words(word)
    whole = any(term.startswith(word.casefold()) for term in terms)
    return bool(parts) and (whole or all(any(term.startswith(part) for term in terms) for part in parts))


def _terms(entry: LiteratureEntry) -> Set[str]:
    names = [
        *(name for method in entry.methods for name in (method.name, method.kind)),
        *entry.recipes,
        *(claim.id for claim in entry.claims),
        entry.url.casefold(),
        entry.url.casefold().rpartition("/")[2],
    ]
    words = plain_words(" ".join([entry.title, entry.authors, str(entry.year), *names]))
    return {*words, *names}
