"""Files of customers, invoices or payments: taken in as they come, and worked off in the background."""
