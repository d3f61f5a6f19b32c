"""Dunning policies and their versions."""
