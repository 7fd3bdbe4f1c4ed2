"""Role of this package: stores of certificates and keys that belong to endpoints.

Nothing is built here yet.
"""
