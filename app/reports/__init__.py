"""Reports, computed in SQL."""
