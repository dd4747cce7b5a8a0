"""The deployment, run by the real AWS provider without AWS: from its text to a game played on it.

Needed are a Terraform or OpenTofu binary and a file-system mirror with the AWS provider. Without
them the tests are skipped, the end of a run says so, and where ``CI`` is set they fail.
"""

import pytest

pytest.register_assert_rewrite("tests.infrastructure.checks")
