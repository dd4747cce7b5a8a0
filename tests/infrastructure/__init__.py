"""Tests of the deployment with the real AWS provider, but without AWS: from text to a game.

They need a Terraform or OpenTofu binary and a file-system mirror with the AWS provider. Without
these they are skipped, which the end of a run reports, and if ``CI`` is set they fail.
"""

import pytest

pytest.register_assert_rewrite("tests.infrastructure.checks")
