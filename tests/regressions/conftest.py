"""The Lambda function's environment is that of tests/signaling."""

import tests.signaling.conftest  # noqa: F401
