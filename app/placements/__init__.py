"""Placements: invoices handed over to an agency or a lawyer, and the dossier that goes with them."""
