"""Claims: a statement a paper makes, and the small experiment here that backs it or does not."""
