"""Role of this package: the web console, a face of the same operations.

Nothing is built here yet.
"""
