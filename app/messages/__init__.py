"""What a customer reads: texts, their rendering in the customer's language, and the e-mail they travel in."""
