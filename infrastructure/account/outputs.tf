output "cloudwatch_role_arn" {
  description = "The role with which API Gateway writes the logs of this account and region."
  value       = aws_api_gateway_account.this.cloudwatch_role_arn
}
