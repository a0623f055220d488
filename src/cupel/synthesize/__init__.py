"""Generators: methods that write new documents."""
