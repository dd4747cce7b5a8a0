"""Tests of the rules under concurrency and faults, in any order in which AWS may run things.

``scheduler.py`` controls every wait of several invocations of the real hosts and explores their
interleavings. Each has a number; ``SCHEDULE=1234 pytest tests/adversity`` prints its whole story.
"""

# The function makes its clients at import; this package sets the environment for them.
import tests.lambda_app  # noqa: F401
