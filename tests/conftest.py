"""How examples are drawn: without a deadline, because a busy machine is no bug."""

from hypothesis import settings

settings.register_profile("poker-signal", deadline=None)
settings.load_profile("poker-signal")
