"""Customers: the debtors and how to reach them."""
