"""The ``lightwave`` command, one module a noun."""
