"""The Lambda function without AWS.

Its clients are made while it is imported, so that happens here, in an environment such as a
deployment has; what other tests see is left as it was.
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
    # Somebody's own profile is nobody's business here.
    os.environ.pop("AWS_PROFILE", None)
    import poker_signal.lambda_app.handler  # noqa: F401
