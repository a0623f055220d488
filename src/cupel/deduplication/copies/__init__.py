"""Copied parts of documents: what they are made of, and what to show of them."""
