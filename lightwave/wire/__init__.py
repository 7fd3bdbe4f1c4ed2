"""Bytes to values and back: the BER and DER reader and writer.

Standard library only. No IO, no clock, and every length is checked before it is believed.
"""
