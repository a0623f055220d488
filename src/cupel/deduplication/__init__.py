"""Deduplication: corpus → clusters of duplicates → which one stays."""
