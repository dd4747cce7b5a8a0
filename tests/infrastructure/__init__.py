"""The deployment, run by the real AWS provider without AWS.

Seven levels, each deeper than the one before; the last line of a run says how deep it went. What
they need is a Terraform or OpenTofu binary and a file-system mirror with the AWS provider. Without
them there is little to prove: that is said loudly, and where ``CI`` is set it is a failure.
"""

import pytest

pytest.register_assert_rewrite("tests.infrastructure.checks")
