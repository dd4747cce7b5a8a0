locals {
  # All messages go to $default: the protocol has `type`, never `action`, so no message
  # selects another route.
  route_keys = toset(["$connect", "$disconnect", "$default"])

  # Never the body, the query string or an address: SDP, candidates and names are
  # private. messageString, which has its own quotes, is a bare - in a line without an error.
  access_log_format = join(",", [
    "{\"requestId\":\"$context.requestId\"",
    "\"time\":\"$context.requestTime\"",
    "\"eventType\":\"$context.eventType\"",
    "\"routeKey\":\"$context.routeKey\"",
    "\"connectionId\":\"$context.connectionId\"",
    "\"status\":\"$context.status\"",
    "\"error\":\"$context.error.message\"",
    "\"integrationStatus\":\"$context.integration.integrationStatus\"",
    "\"functionStatus\":\"$context.integration.status\"",
    "\"integrationError\":\"$context.integration.error\"",
    "\"integrationLatency\":\"$context.integration.latency\"}",
  ])
}

################################################################################
# API
################################################################################

resource "aws_apigatewayv2_api" "this" {
  name                       = var.name_prefix
  description                = "WebRTC signaling for table poker"
  protocol_type              = "WEBSOCKET"
  route_selection_expression = "$request.body.action"
  tags                       = var.tags
}

resource "aws_apigatewayv2_integration" "this" {
  api_id           = aws_apigatewayv2_api.this.id
  integration_type = "AWS_PROXY"

  # The ARN for invocations by API Gateway, not the ARN of the function.
  integration_uri           = aws_lambda_alias.live.invoke_arn
  integration_method        = "POST"
  content_handling_strategy = "CONVERT_TO_TEXT"
  passthrough_behavior      = "WHEN_NO_MATCH"
  timeout_milliseconds      = 29000

  # The integration never names an alias that API Gateway may not call.
  depends_on = [aws_lambda_permission.this]
}

resource "aws_apigatewayv2_route" "this" {
  for_each = local.route_keys

  api_id    = aws_apigatewayv2_api.this.id
  route_key = each.value
  target    = "integrations/${aws_apigatewayv2_integration.this.id}"
}

resource "aws_apigatewayv2_stage" "this" {
  api_id      = aws_apigatewayv2_api.this.id
  name        = var.stage
  auto_deploy = true
  tags        = var.tags

  default_route_settings {
    # Data trace would log whole messages. Detailed metrics are per route and cost extra; the
    # alarms need only those of the stage.
    data_trace_enabled       = false
    detailed_metrics_enabled = false
    logging_level            = "OFF"
    throttling_burst_limit   = var.throttling.burst_limit
    throttling_rate_limit    = var.throttling.rate_limit
  }

  dynamic "access_log_settings" {
    for_each = var.access_log.enabled ? [1] : []

    content {
      destination_arn = aws_cloudwatch_log_group.access[0].arn
      format          = local.access_log_format
    }
  }

  # The stage is created last, so that no client connects to an incomplete API.
  depends_on = [
    aws_apigatewayv2_route.this,
    aws_lambda_permission.this,
  ]
}

################################################################################
# Access log
################################################################################

resource "aws_cloudwatch_log_group" "access" {
  count = var.access_log.enabled ? 1 : 0

  name              = "/aws/apigateway/${var.name_prefix}"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.kms_key_arn
  tags              = var.tags
}

################################################################################
# Custom domain
################################################################################

resource "aws_apigatewayv2_domain_name" "this" {
  count = var.custom_domain == null ? 0 : 1

  domain_name = var.custom_domain.name
  tags        = var.tags

  domain_name_configuration {
    certificate_arn = var.custom_domain.certificate_arn
    endpoint_type   = "REGIONAL"
    security_policy = "TLS_1_2"
  }

  lifecycle {
    precondition {
      condition     = strcontains(coalesce(var.custom_domain.certificate_arn, "-"), ":acm:${local.region}:")
      error_message = "The certificate of custom_domain must be in the region of the API, ${local.region}."
    }
  }
}

resource "aws_apigatewayv2_api_mapping" "this" {
  count = var.custom_domain == null ? 0 : 1

  api_id      = aws_apigatewayv2_api.this.id
  domain_name = aws_apigatewayv2_domain_name.this[0].domain_name
  stage       = aws_apigatewayv2_stage.this.id
}
