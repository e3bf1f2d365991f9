"""The kernel: records, labels, instruments, release, journal, channels and cases.

It knows no domain and does no input or output: clock, randomness, disk and network are passed in.
"""
