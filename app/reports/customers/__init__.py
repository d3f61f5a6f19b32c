"""Reports on one customer."""
