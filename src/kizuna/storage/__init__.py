"""Stores: native implementations of the kernel's ports for SQLite, PostgreSQL, blob files and Parquet."""
