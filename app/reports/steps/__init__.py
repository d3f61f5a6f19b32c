"""What the steps of policies bring in."""
