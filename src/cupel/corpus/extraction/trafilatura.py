"""Main-content extraction by trafilatura."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from cupel.contract import Extractor, Method, Paper

__all__ = ["Trafilatura"]


class Trafilatura(Extractor):
    """Main text of a page by trafilatura's cascade of heuristics.

    XPath rules first, then readability-like scoring and jusText where those find too little.
    Used by FineWeb and RefinedWeb. An order of magnitude slower than resiliparse.
    """

    name = "trafilatura"
    papers: ClassVar = (
        Paper(
            "Trafilatura: A Web Scraping Library and Command-Line Tool for Text Discovery and Extraction",
            "Barbaresi",
            2021,
            "https://aclanthology.org/2021.acl-demo.15/",
        ),
        Paper(
            "The FineWeb Datasets: Decanting the Web for the Finest Text Data at Scale",
            "Penedo et al.",
            2024,
            "https://arxiv.org/abs/2406.17557",
            "3.2",
        ),
    )
    cost = "about 60 pages/s per core"
    limits = (
        "Slow, and takes seconds on some pages; the time limit of the extraction step is there for those."
    )

    class Options(Method.Options):
        """What to favor, and what to keep."""

        favour: Literal["precision", "balance", "recall"] = Field(
            "precision",
            description="Whether to lose text rather than keep boilerplate, or the other way around.",
        )
        comments: bool = Field(False, description="Keep reader comments.")
        tables: bool = Field(True, description="Keep the text of tables.")

    options: Options

    def extract(self, html: str) -> str:
        """The main text of one decoded page; an empty string where there is none."""
        import trafilatura

        options = self.options
        text = trafilatura.extract(
            html,
            favor_precision=options.favour == "precision",
            favor_recall=options.favour == "recall",
            include_comments=options.comments,
            include_tables=options.tables,
        )
        return text or ""
