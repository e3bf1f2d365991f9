"""The domains, one package each, one shape; none imports another."""
