"""Webhook endpoints, deliveries and the feed of events."""
