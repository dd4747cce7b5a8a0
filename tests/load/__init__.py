"""Load tests of the emulator: a crowd, bad peers and a long day.

``make load`` runs them at full size; by default they are smaller.
"""
