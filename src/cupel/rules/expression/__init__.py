"""Filter expressions: text in, a condition on batches of documents out. Nothing of it is ever run as code."""
