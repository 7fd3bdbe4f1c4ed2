"""Role of this package: the X.509 certificate authority: policy, issuance, revocation.

Nothing is built here yet.
"""
