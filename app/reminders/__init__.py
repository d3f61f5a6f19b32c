"""Reminders: claimed, sent, recorded."""
