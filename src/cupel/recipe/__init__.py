"""A recipe: one data decision; how it is planned, carried out, resumed and told."""
