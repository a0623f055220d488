"""Refine training data and assay what it is worth."""
