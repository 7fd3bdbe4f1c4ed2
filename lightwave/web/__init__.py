"""Role of this package: the HTTP listener, its router, limits and caller authentication.

Machine endpoints are plain functions from a request value to a response value; pages are WSGI applications
that are mounted. HTTP/1.1 is RFC 9110 and 9112, problems are RFC 9457. Services register their routes here and
import nothing of Twisted's web.
"""
