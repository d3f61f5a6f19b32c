"""Holds: stops of contact, of escalation or of charges."""
