"""Role of this package: the REST face of the directory's operations.

Requests become the same operations that LDAP clients ask for, with the same access, limits and rules; nothing is
decided here. Paths and JSON are the original's.
"""
