"""Events read from positions: gap and suspected disabling, encounter, loitering, port visit, moves that no ship makes, identity, area entry.

Pure functions, one file each, over cleaned tracks (`tracks.clean`); `search` runs them all on a partition of positions. Thresholds are published
sets with an id and a digest. Input may come in any order and with doubles; the result is the same. No event is raised across a time in which the
feed was silent or its state is not known. `standing` says what a new search changes of what was told before.
"""
