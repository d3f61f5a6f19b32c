"""Ends of an invoice other than being paid: voided, written off, closed for a difference."""
