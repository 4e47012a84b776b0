"""A class of students against the app, on this machine's loopback: `python tests/load`."""
