"""Edits: changes to documents. Each counts what it did, and rules may use the counts."""
