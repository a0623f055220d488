"""Signals: pure functions document → typed columns. They measure and never decide."""
