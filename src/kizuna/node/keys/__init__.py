"""A node's keys: in files, in a token, and their renewal."""
