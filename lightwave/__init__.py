"""Lightwave: an identity platform in one process over one store.

Directory, tickets, tokens, certificates and names are entries of one tree, kept by one store under one
transaction. Imports point down only; the layers stand in ``docs/architecture.md`` and a lint enforces them.
"""
