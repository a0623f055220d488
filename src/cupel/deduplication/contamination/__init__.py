"""Evaluation sets: their items, and the documents that hold them."""
