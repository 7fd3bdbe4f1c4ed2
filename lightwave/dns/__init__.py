"""Role of this package: a name server whose zones and records are entries.

Nothing is built here yet. It is always imported as ``lightwave.dns``: plain ``dns`` is dnspython.
"""
