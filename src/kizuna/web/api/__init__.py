"""The users' interface over HTTP, a module for each thing that is asked for."""
