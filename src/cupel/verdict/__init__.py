"""Arms compared with confidence intervals: measures in, better, worse or undecided out. It knows no torch."""
