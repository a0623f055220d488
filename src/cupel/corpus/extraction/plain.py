"""All visible text of a page."""

from __future__ import annotations

from typing import Any, ClassVar

from cupel.contract import Extractor, Paper
from cupel.corpus.extraction._markup import HIDDEN, page_text, plain_declarations

__all__ = ["Plain"]


class Plain(Extractor):
    """All visible text of a page, menus and footers included.

    Scripts, styles and elements that the page itself hides (`hidden`, `display: none`, closed dialogs) are
    left out, and nothing else; what a style sheet hides stays. For corpora whose rules should see
    everything, and as the yardstick for what the other extractors remove.
    """

    name = "plain"
    papers: ClassVar[tuple[Paper, ...]] = ()
    cost = "about seven times as fast as trafilatura"
    limits = "Boilerplate stays. Use it where recall matters more than precision."

    def extract(self, html: str) -> str:
        """The visible text of one decoded page."""
        from resiliparse.extract.html2text import extract_plain_text

        def whole(page: Any) -> str:
            text: str = extract_plain_text(
                page, preserve_formatting=True, main_content=False, alt_texts=False, skip_elements=HIDDEN
            )
            return text

        return page_text(plain_declarations(html), whole)
