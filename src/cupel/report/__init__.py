"""Results laid out: one self-contained HTML page, or the same blocks in the terminal."""
