"""The Lambda function without AWS.

The function makes its clients at import. This package imports it with the environment of a
deployment, and restores the environment after that.
"""

import os
from unittest import mock

TABLE = "poker-signaling-connections"
REGION = "us-west-2"

ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": REGION,
    "TABLE_NAME": TABLE,
}

with mock.patch.dict(os.environ, ENVIRONMENT):
    # The developer's own profile must not affect the tests.
    os.environ.pop("AWS_PROFILE", None)
    import poker_signal.lambda_app.handler  # noqa: F401
