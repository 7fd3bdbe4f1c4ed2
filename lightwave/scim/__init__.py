"""Role of this package: the SCIM 2.0 face of the directory's operations.

Nothing is built here yet.
"""
