"""From a feed to the picture: positions come in, are archived, drawn, searched for events and judged by the rules of officers."""
