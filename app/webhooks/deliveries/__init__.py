"""Deliveries: one event on its way to one endpoint."""
