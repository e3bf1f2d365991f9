"""Channels: one Merkle log for each ordered pair of nodes, with one writer and one reader.

`wire` holds the messages and entry headers, `reader` the rules by which an answer is accepted, `writer` those by which a receipt is. All of it is
pure: the node sequences, commits and sends.
"""
