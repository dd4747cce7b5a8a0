"""The rules under adversity: whatever order AWS runs things in, and whatever fails.

``scheduler.py`` owns every wait of several invocations of the real hosts and explores their
interleavings, each a number: ``SCHEDULE=1234 pytest tests/adversity`` tells its whole story.
"""

# Its clients are made at import, in the environment of a deployment.
import tests.lambda_app  # noqa: F401
