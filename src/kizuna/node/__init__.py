"""The composition root: the tuple of domains, settings, keys, partners and the node's state machine."""
