"""Role of this package: the security token service: OAuth 2, OpenID Connect, SAML 2.0, WS-Trust.

Nothing is built here yet.
"""
