"""Signals: what is measured of a document. They never decide."""
