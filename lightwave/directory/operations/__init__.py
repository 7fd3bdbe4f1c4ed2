"""The directory's operations, one file each: gather, check, issue.

What an operation needs from above (passwords, liveness, plug-ins, threads) it declares as a port, and the
composition root hands in the implementation.
"""
