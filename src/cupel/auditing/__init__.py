"""Audits: findings about a model or a corpus."""
