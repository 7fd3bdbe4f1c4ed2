"""Role of this package: the Kerberos key distribution centre over the directory's entries.

Nothing is built here yet.
"""
