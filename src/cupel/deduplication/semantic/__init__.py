"""What the methods on vectors share: where vectors come from, and what to show."""
