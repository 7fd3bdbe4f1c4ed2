"""The directory schema: definitions, checking and normalisation (RFC 4512, 4517, 4518).

`schema.Schema` is an immutable set of definitions; `normalisation` is the only place where values and names
become comparable bytes; `checks` decides whether an entry may exist.
"""
