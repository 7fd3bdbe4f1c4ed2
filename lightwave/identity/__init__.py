"""Where the protocols meet: credentials, authentication, liveness.

Every face asks here and gets one answer.
"""
