"""Reports on how fast receivables turn into money."""
