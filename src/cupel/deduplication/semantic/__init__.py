"""What the methods on vectors share: where vectors come from, and how results are reported."""
