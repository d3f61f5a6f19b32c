"""What customers answer: messages that came in, and the wish to get no more of them."""
