"""Bodies, one file each: the architecture of the model that is trained."""
