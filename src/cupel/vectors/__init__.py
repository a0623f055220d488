"""Vectors of documents: in a file mapped into memory, divided by k-means, compared with each other. It knows no method."""
