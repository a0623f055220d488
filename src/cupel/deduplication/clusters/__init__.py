"""Clusters of documents: which one stays, what each source loses, and what to show of them."""
