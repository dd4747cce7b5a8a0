output "websocket_url" {
  description = "URL that clients connect to. The query string follows without a slash."
  value       = module.signaling.websocket_url
}

output "websocket_api_id" {
  description = "Id of the API in API Gateway."
  value       = module.signaling.websocket_api_id
}

output "lambda_function_name" {
  description = "Name of the function. Its log group is /aws/lambda/ and this name."
  value       = module.signaling.lambda_function_name
}

output "dynamodb_table_name" {
  description = "Name of the table of connections."
  value       = module.signaling.dynamodb_table_name
}

output "custom_domain_target" {
  description = "Target of the custom domain's DNS record; null without a custom domain."
  value       = module.signaling.custom_domain_target
}

output "custom_domain_hosted_zone_id" {
  description = "Hosted zone of the custom domain's target, for an alias record in Route 53; null without a custom domain."
  value       = module.signaling.custom_domain_hosted_zone_id
}
