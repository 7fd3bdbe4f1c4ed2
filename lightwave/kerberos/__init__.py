"""Role of this package: Kerberos messages, encryption types and GSS-API framing as sans-IO cores.

Nothing is built here yet. What comes in knows neither sockets nor the store: bytes and times are arguments.
"""
