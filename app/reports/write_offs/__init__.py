"""The report on what is suggested to be written off."""
