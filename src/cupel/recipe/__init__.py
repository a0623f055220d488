"""A recipe is one data decision: planning it, running it, resuming it and reporting on it."""
