"""Templates: the words of the messages, those that ship and the tenant's own."""
