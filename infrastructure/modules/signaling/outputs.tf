output "websocket_url" {
  description = "URL that clients connect to. The query string follows without a slash."
  value       = local.websocket_url
}

output "websocket_api_id" {
  description = "Id of the API in API Gateway."
  value       = aws_apigatewayv2_api.this.id
}

output "lambda_function_name" {
  description = "Name of the function. Its log group is /aws/lambda/ and this name."
  value       = aws_lambda_function.this.function_name
}

output "dynamodb_table_name" {
  description = "Name of the table of connections."
  value       = aws_dynamodb_table.this.name
}

output "custom_domain_target" {
  description = "Target of the custom domain's DNS record; null without a custom domain."
  value       = one(aws_apigatewayv2_domain_name.this[*].domain_name_configuration[0].target_domain_name)
}

output "custom_domain_hosted_zone_id" {
  description = "Hosted zone of the custom domain's target, for an alias record in Route 53; null without a custom domain."
  value       = one(aws_apigatewayv2_domain_name.this[*].domain_name_configuration[0].hosted_zone_id)
}

output "lambda_version" {
  description = "The version of the function that serves, which live_version takes for a rollback."
  value       = aws_lambda_alias.live.function_version
}
