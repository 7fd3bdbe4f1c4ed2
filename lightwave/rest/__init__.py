"""Role of this package: the REST face of the directory's operations.

Nothing is built here yet.
"""
