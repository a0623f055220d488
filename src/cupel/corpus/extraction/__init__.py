"""Main text out of HTML pages: one method a file, run in child processes that can be stopped."""

from cupel.corpus.extraction._pool import ExtractionError, ExtractionOptions, extract_batch

__all__ = ["ExtractionError", "ExtractionOptions", "extract_batch"]
