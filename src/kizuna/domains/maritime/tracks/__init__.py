"""Tracks from positions: in order, without doubles, cleaned with reasons, cut where a vessel was not heard or two ships use one number.

`columns` orders and removes doubles, `segments` cleans and cuts, `shape` resamples and simplifies for display, `voyages` finds stops and the
voyages between ports. Pure functions over sorted columns; the loops are compiled. What an event is, is told by `kizuna.domains.maritime.events`.
"""
