"""Models: what can be asked for log-probabilities, text, vectors or labels."""
