"""The program's promises, measured: each module measures one, for the tests and for ``docs/reliability.md``."""
