"""What a trial is scored on: held-out text, tasks, your own."""
