"""Selectors: which documents stay, given all of them; one module per method."""
