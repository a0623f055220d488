"""Pages for tests, in the order in which one thinks of their parts."""

from __future__ import annotations

from collections.abc import Iterable

from cupel.findings import Page, Section


def page_of(
    title: str,
    subtitle: str = "",
    facts: Iterable[tuple[str, str]] = (),
    sections: Iterable[Section] = (),
    footer: str = "",
) -> Page:
    """A page of these parts."""
    return Page(title=title, subtitle=subtitle, facts=tuple(facts), sections=tuple(sections), footer=footer)
