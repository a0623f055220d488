"""Studies of mixtures: rounds of trials, and which mixture they say is best."""
