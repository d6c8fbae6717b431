"""Command-line flags, one module per concern, for the entry scripts alone."""
