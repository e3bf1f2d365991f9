"""Who works at a node: accounts of the pages and tokens of the interface."""
