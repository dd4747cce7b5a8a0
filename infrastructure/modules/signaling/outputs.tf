output "websocket_url" {
  description = "URL that clients connect to. The query string follows without a slash."
  value       = var.custom_domain == null ? aws_apigatewayv2_stage.this.invoke_url : "wss://${aws_apigatewayv2_api_mapping.this[0].domain_name}"
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
