"""Edits: what is changed in a document. Each counts what it did, and rules may use the counts."""
