"""The deployed Lambda function: it runs the core and performs effects with botocore."""
