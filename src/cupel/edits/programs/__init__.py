"""What writes programs for documents without a language model: lines, their features, and what is learned of them."""
