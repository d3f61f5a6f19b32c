"""Credit notes: what lowers an invoice without a payment."""
