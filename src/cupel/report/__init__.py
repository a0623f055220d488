"""Results laid out: one self-contained HTML page, or the same blocks in the terminal."""

from cupel.report.page import render, write

__all__ = ["render", "write"]
