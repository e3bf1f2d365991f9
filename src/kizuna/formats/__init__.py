"""Outside formats: bytes in, plain objects out, and back. Imports nothing of ours but the errors."""
