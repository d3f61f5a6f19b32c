"""Puntual: headless accounts-receivable collections."""
