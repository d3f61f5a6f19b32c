"""Disputes: what customers object to."""
