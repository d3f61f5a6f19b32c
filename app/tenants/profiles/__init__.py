"""The legal contact profiles that a tenant can choose, to be read."""
