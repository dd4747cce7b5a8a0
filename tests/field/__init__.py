"""The client in the field, a handler in the field, and what becomes of them in bad weather."""

# The Lambda function reads its environment when it is imported, as in a container.
import tests.lambda_app  # noqa: F401
