"""Role of this package: the HTTP listener, its router, limits and caller authentication.

Nothing is built here yet.
"""
