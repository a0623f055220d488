"""What an arm is made of: its documents, what is held out of them, and their tokens."""
