"""X.509 names, chains and signing: what a certificate is, without a policy on who gets one.

No store and no clock: serial numbers and times are arguments, and the caller writes the files.
"""
