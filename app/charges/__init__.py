"""Charges: fees, late interest and recovery costs, posted and waived."""
