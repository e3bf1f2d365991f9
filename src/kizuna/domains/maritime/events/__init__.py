"""Events read from positions: gap, encounter, area entry.

Pure functions, one file each; thresholds are published sets.

Input may come in any order and with duplicates; the result is the same. No event is raised across a time in
which the
feed was silent or its state is not known.
"""
