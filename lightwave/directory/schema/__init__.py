"""Attribute types, object classes, syntaxes, matching rules and the one place where values are normalised.

The definitions are data files beside the code (RFC 4512, 4517 to 4519 and others).
"""
