"""Updates by operations on weights: models in, a model out."""
