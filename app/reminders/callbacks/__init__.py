"""Callbacks that providers make by themselves, signed with the secret of the tenant's account."""
