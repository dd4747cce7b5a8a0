"""Tests of the client and of a naive handler in the field, under faults."""

# The Lambda function reads its environment when it is imported, as in a container.
import tests.lambda_app  # noqa: F401
