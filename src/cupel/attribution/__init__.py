"""Attributions: what a model learned from which document."""
