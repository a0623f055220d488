"""Near duplicates: what documents are compared by, and the S-curve."""
