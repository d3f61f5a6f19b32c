"""The report on how promises to pay are kept."""
