"""A federation in one process on a seeded clock, network and disk, running the real node code."""
