"""The deployable host: API Gateway's event in Lambda, effects performed with boto3."""
