"""Role of this package: multimaster replication: supplier, consumer, topology.

Nothing is built here yet; how two states merge is decided by ``lightwave.directory.merge``.
"""
