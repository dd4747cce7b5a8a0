output "websocket_url" {
  description = "What clients connect to; the query string follows without a slash."
  value       = var.custom_domain == null ? aws_apigatewayv2_stage.this.invoke_url : "wss://${aws_apigatewayv2_api_mapping.this[0].domain_name}"
}

output "websocket_api_id" {
  description = "API Gateway's id of the API."
  value       = aws_apigatewayv2_api.this.id
}

output "lambda_function_name" {
  description = "The function; its log group is /aws/lambda/ and this name."
  value       = aws_lambda_function.this.function_name
}

output "dynamodb_table_name" {
  description = "The table of connections."
  value       = aws_dynamodb_table.this.name
}

output "custom_domain_target" {
  description = "What the custom domain's DNS record points to; there is none without a custom domain."
  value       = one(aws_apigatewayv2_domain_name.this[*].domain_name_configuration[0].target_domain_name)
}
