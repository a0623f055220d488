"""Scaling: laws fitted to trials, and what they say a corpus is worth."""
