"""The only writer of money."""
