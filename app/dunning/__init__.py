"""Cases and reminders: facts, what to send next, and what became of it."""
