"""Rate tables: the statutory ones, and the tenant's own."""
