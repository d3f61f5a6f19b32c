"""Invariants: what must hold in the database at every moment, checked over all tenants."""
