"""Plugs: readers that are no partners, each served as the recipient it stands for."""
