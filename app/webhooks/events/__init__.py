"""The feed of events, for those who would rather ask than be called."""
