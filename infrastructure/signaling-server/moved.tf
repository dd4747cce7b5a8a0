# The state of a deployment from before the module keeps its resources.

moved {
  from = aws_apigatewayv2_api.this
  to   = module.signaling.aws_apigatewayv2_api.this
}

moved {
  from = aws_apigatewayv2_api_mapping.this
  to   = module.signaling.aws_apigatewayv2_api_mapping.this
}

moved {
  from = aws_apigatewayv2_domain_name.this
  to   = module.signaling.aws_apigatewayv2_domain_name.this
}

moved {
  from = aws_apigatewayv2_integration.this
  to   = module.signaling.aws_apigatewayv2_integration.this
}

moved {
  from = aws_apigatewayv2_route.this
  to   = module.signaling.aws_apigatewayv2_route.this
}

moved {
  from = aws_apigatewayv2_stage.this
  to   = module.signaling.aws_apigatewayv2_stage.this
}

moved {
  from = aws_cloudwatch_dashboard.this
  to   = module.signaling.aws_cloudwatch_dashboard.this
}

moved {
  from = aws_cloudwatch_log_group.access
  to   = module.signaling.aws_cloudwatch_log_group.access
}

moved {
  from = aws_cloudwatch_log_group.lambda
  to   = module.signaling.aws_cloudwatch_log_group.lambda
}

moved {
  from = aws_cloudwatch_metric_alarm.rate
  to   = module.signaling.aws_cloudwatch_metric_alarm.rate
}

moved {
  from = aws_cloudwatch_metric_alarm.this
  to   = module.signaling.aws_cloudwatch_metric_alarm.this
}

moved {
  from = aws_dynamodb_table.this
  to   = module.signaling.aws_dynamodb_table.this
}

moved {
  from = aws_iam_role.lambda
  to   = module.signaling.aws_iam_role.lambda
}

moved {
  from = aws_iam_role_policy.lambda
  to   = module.signaling.aws_iam_role_policy.lambda
}

moved {
  from = aws_lambda_event_source_mapping.later
  to   = module.signaling.aws_lambda_event_source_mapping.later
}

moved {
  from = aws_lambda_function.this
  to   = module.signaling.aws_lambda_function.this
}

moved {
  from = aws_lambda_permission.this
  to   = module.signaling.aws_lambda_permission.this
}

moved {
  from = aws_sqs_queue.later
  to   = module.signaling.aws_sqs_queue.later
}

moved {
  from = aws_sqs_queue.later_failed
  to   = module.signaling.aws_sqs_queue.later_failed
}

# The logging role of API Gateway, for all APIs of the account and region, is in infrastructure/account.
# A state that still has it cannot be planned before the role is moved there: its destruction would
# switch off the logs of all these APIs. docs/deploy.md, Upgrade, has the commands.
resource "aws_api_gateway_account" "this" {
  count = 0

  lifecycle {
    prevent_destroy = true
  }
}
