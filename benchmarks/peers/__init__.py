"""The same job done with other tools: a log to a table with all its fields. One script a peer: ``LOG DIRECTORY``."""
