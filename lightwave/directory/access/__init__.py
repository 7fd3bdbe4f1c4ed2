"""The one access decision: tokens, rights, effective descriptors.

What may be read or written is decided here only.
"""
