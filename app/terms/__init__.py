"""Payment terms under codes of the tenant, and the calculator of due dates."""
