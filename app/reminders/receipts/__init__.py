"""What providers tell about messages after they have taken them."""
