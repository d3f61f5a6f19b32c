"""Everything that happened with a customer or an invoice, in one list."""
