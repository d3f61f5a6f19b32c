"""Programs that use Puntual as an ERP would: through its HTTP API alone."""
