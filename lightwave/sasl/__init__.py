"""SASL mechanisms as sans-IO acceptors: a response goes in, a challenge, a success or a failure comes out."""
