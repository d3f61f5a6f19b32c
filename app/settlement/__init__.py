"""Derives every state anew after a change of the facts."""
