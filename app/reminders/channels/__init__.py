"""How a message leaves: one small interface, and its implementations."""
