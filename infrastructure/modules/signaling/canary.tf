# A handshake of two players every five minutes, from outside of the API: with it, an alarm starts if
# clients cannot connect, which no metric of a silent API shows.

locals {
  canary_count = var.canary.enabled ? 1 : 0

  websocket_url = var.custom_domain == null ? aws_apigatewayv2_stage.this.invoke_url : "wss://${aws_apigatewayv2_api_mapping.this[0].domain_name}"

  canary_alarms = {
    for function in aws_lambda_function.canary : "canary" => {
      description = "Two handshakes in a row failed or did not take place: clients probably cannot connect. First: run poker-signal check with the URL of the deployment; the log of ${function.function_name} has the step that failed."
      namespace   = local.namespace
      metric      = "CanaryPassed"
      dimensions  = local.dimensions
      statistic   = "Maximum"
      extended    = null
      threshold   = 1
      periods     = 2
      is_low_bad  = true
    }
  }

  canary_widgets = [
    for function in aws_lambda_function.canary : {
      title = "Canary: handshakes that passed, and their milliseconds"
      stat  = "Sum"
      metrics = [
        concat([local.namespace, "CanaryPassed"], local.series),
        concat([local.namespace, "CanaryMs"], local.series, [{ stat = "Maximum", label = "ms" }]),
      ]
    }
  ]
}

resource "aws_lambda_function" "canary" {
  count = local.canary_count

  function_name = "${var.name_prefix}-canary"
  description   = "Plays a handshake of two players, every five minutes"
  role          = aws_iam_role.canary[0].arn
  tags          = var.tags

  filename         = local.lambda_zip.path
  source_code_hash = local.lambda_zip.hash
  handler          = "poker_signal.lambda_app.canary.handler"
  runtime          = "python3.13"
  architectures    = ["arm64"]
  memory_size      = 256
  timeout          = 60
  kms_key_arn      = var.kms_key_arn

  environment {
    variables = merge(
      {
        FUNCTION_NAME = aws_lambda_function.this.function_name
        STAGE         = var.stage
        WEBSOCKET_URL = local.websocket_url
      },
      length(var.limits.allowed_origins) == 0 ? {} : { ORIGIN = var.limits.allowed_origins[0] },
      var.ticket_secret_parameter == null ? {} : { TICKET_SECRET_PARAMETER = var.ticket_secret_parameter },
    )
  }

  depends_on = [aws_iam_role_policy.canary, aws_cloudwatch_log_group.canary]
}

resource "aws_cloudwatch_event_rule" "canary" {
  count = local.canary_count

  name                = "${var.name_prefix}-canary"
  description         = "Starts the canary of ${var.name_prefix}"
  schedule_expression = "rate(5 minutes)"
  tags                = var.tags
}

resource "aws_cloudwatch_event_target" "canary" {
  count = local.canary_count

  rule = aws_cloudwatch_event_rule.canary[0].name
  arn  = aws_lambda_function.canary[0].arn
}

resource "aws_lambda_permission" "canary" {
  count = local.canary_count

  statement_id  = "schedule"
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.canary[0].function_name
  principal     = "events.amazonaws.com"
  source_arn    = aws_cloudwatch_event_rule.canary[0].arn
}

# A failed handshake is in the metric. A second attempt would hide it.
resource "aws_lambda_function_event_invoke_config" "canary" {
  count = local.canary_count

  function_name          = aws_lambda_function.canary[0].function_name
  maximum_retry_attempts = 0
}

resource "aws_cloudwatch_log_group" "canary" {
  count = local.canary_count

  name              = "/aws/lambda/${var.name_prefix}-canary"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.kms_key_arn
  tags              = var.tags
}

resource "aws_iam_role" "canary" {
  count = local.canary_count

  name                 = "${var.name_prefix}-${local.region}-canary"
  description          = "Permissions of the canary: its log"
  assume_role_policy   = data.aws_iam_policy_document.lambda_trust.json
  permissions_boundary = var.permissions_boundary
  tags                 = var.tags
}

data "aws_iam_policy_document" "canary" {
  count = local.canary_count

  statement {
    sid       = "Log"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.canary[0].arn}:*"]
  }

  # It signs tickets of its own, as a backend does.
  dynamic "statement" {
    for_each = var.ticket_secret_parameter == null ? [] : [1]

    content {
      sid       = "Tickets"
      actions   = ["ssm:GetParameter"]
      resources = [local.ticket_parameter_arn]
    }
  }
}

resource "aws_iam_role_policy" "canary" {
  count = local.canary_count

  name   = "canary"
  role   = aws_iam_role.canary[0].id
  policy = data.aws_iam_policy_document.canary[0].json
}
