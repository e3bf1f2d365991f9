"""Extracts of the journal for readers who may not see all of it."""
