"""Extraction: web pages in, text out."""

from __future__ import annotations

from abc import abstractmethod

from cupel.contract.method import Method

__all__ = ["Extraction", "Extractor"]


class Extraction(Method):
    """The first step of a recipe over web pages: which extractors read them."""

    kind = "extractor"
    heading = "Extraction: text out of web pages"
    room = "cupel.corpus.extraction"

    @property
    def seconds(self) -> float:
        """The time limit per page."""
        return 10.0

    @abstractmethod
    def extractors(self) -> tuple[Extractor, ...]:
        """Those that read each page, in order of preference; of several, the best text is taken."""


class Extractor(Extraction):
    """A pure function HTML → main text."""

    def extractors(self) -> tuple[Extractor, ...]:
        """This one alone."""
        return (self,)

    @abstractmethod
    def extract(self, html: str) -> str:
        """The main text of one decoded page; an empty string where there is none."""
