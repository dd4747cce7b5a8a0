"""How the emulator bears a crowd, bad peers and a long day.

``make load`` plays all of it at full size; the tests play the same, smaller.
"""
