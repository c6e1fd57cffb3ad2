"""Pages of the pair."""
