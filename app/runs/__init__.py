"""Dunning runs: what would go out is planned and looked at, and then exactly that is sent (rule D14)."""
