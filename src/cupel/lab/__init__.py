"""The lab: train one fixed small recipe on each data variant, and say which data is better."""
