"""The store: LMDB key layouts, transactions, indexes, links, change numbers, group commit and sealing.

It takes normalised keys and values only; the types of ``directory.schema.normalisation`` say so.
"""
