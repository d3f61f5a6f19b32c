"""Payment plans: instalments agreed over open invoices."""
