"""The environment of the Lambda function, set by tests/signaling."""

import tests.signaling.conftest  # noqa: F401
