"""HTTP: the partner listener (mutual TLS) and the users' API."""
