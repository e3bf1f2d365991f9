"""What officers and jobs have done at a node, on the channel and on what it holds: each act is decided here and journalled."""
