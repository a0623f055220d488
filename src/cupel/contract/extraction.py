"""Extraction: web pages in, text out."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

from cupel.contract.method import Method

__all__ = ["Extraction", "Extractor"]


class Extraction(Method):
    """The first step of a recipe over web pages: which extractors read them."""

    kind = "extractor"
    heading = "Extraction: text out of web pages"
    room = "cupel.corpus.extraction"
    utility = "heuristics"
    mechanism = "edit"
    stages: ClassVar[tuple[str, ...]] = ("pretraining",)

    @property
    def seconds(self) -> float:
        """The time limit per page."""
        return 10.0

    @abstractmethod
    def extractors(self) -> tuple[Extractor, ...]:
        """The extractors for each page, in order of preference; with several, the best text is used."""


class Extractor(Extraction):
    """A pure function HTML → main text."""

    def extractors(self) -> tuple[Extractor, ...]:
        """Only this one."""
        return (self,)

    @abstractmethod
    def extract(self, html: str) -> str:
        """The main text of one decoded page; an empty string where there is none."""
