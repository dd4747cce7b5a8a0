locals {
  root = "${path.module}/../../.."

  # The zip holds these two folders and nothing else of the repository: file name in
  # the zip => file on disk.
  lambda_sources = merge([
    for folder in ["core", "lambda_app"] : {
      for file in fileset("${local.root}/${folder}", "**/*.py") :
      "poker_signal/${folder}/${file}" => "${local.root}/${folder}/${file}"
    }
  ]...)

  # Less than the gateway's 29 s, so that the time-out of a hanging function is logged. The queue
  # depends on it too, and the function on the queue.
  function_timeout = 28

  # AWS's own URL, also with a custom domain: the domain's mapping hides the stage.
  management_endpoint = "${replace(aws_apigatewayv2_api.this.api_endpoint, "wss://", "https://")}/${var.stage}"
}

data "archive_file" "lambda" {
  type        = "zip"
  output_path = "${path.module}/build/lambda.zip"

  dynamic "source" {
    for_each = local.lambda_sources

    content {
      filename = source.key
      content  = file(source.value)
    }
  }
}

resource "aws_lambda_function" "this" {
  function_name = var.name_prefix
  description   = "WebRTC signaling: routes messages between the players of a game"
  role          = aws_iam_role.lambda.arn
  tags          = var.tags

  filename         = data.archive_file.lambda.output_path
  source_code_hash = data.archive_file.lambda.output_base64sha256
  handler          = "poker_signal.lambda_app.handler.handler"
  runtime          = "python3.13"
  architectures    = ["arm64"]

  # The function itself uses 47 MB. But Lambda allots CPU by memory, and a cold start takes
  # 0.28 s of CPU (`make bench ARGS=lambda-handshake`; the table is in docs/scale.md). 1024 MB
  # give 0.58 of a vCPU. This is the smallest size at which a join that starts a container gets
  # its offer within 1 s; a whole handshake has 5 s. With 512 MB it takes 1.2 s.
  memory_size = 1024

  timeout                        = local.function_timeout
  reserved_concurrent_executions = coalesce(var.throttling.reserved_concurrency, -1)

  environment {
    variables = merge(local.later_environment, {
      ALLOWED_ORIGINS                          = join(",", var.limits.allowed_origins)
      AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI = local.management_endpoint
      MAX_PAYLOAD_BYTES                        = tostring(var.limits.max_payload_bytes)
      MESSAGE_BURST                            = tostring(var.limits.message_burst)
      MESSAGE_RATE                             = tostring(var.limits.message_rate)
      SEATS                                    = tostring(var.limits.seats)
      TABLE_NAME                               = aws_dynamodb_table.this.name
      TOPOLOGY                                 = var.topology
    }, var.ticket_secret_parameter == null ? {} : { TICKET_SECRET_PARAMETER = var.ticket_secret_parameter })
  }

  # The first events after a deployment need the policy to use the table, and the log group
  # to be logged.
  depends_on = [aws_iam_role_policy.lambda, aws_cloudwatch_log_group.lambda]
}

resource "aws_lambda_permission" "this" {
  statement_id  = "api-gateway"
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.this.function_name
  principal     = "apigateway.amazonaws.com"
  source_arn    = "${aws_apigatewayv2_api.this.execution_arn}/${var.stage}/*"
}

# Created before the function, whose role may not create log groups: a group created by Lambda
# keeps its lines for ever and remains after a destroy.
resource "aws_cloudwatch_log_group" "lambda" {
  name              = "/aws/lambda/${var.name_prefix}"
  retention_in_days = var.log_retention_days
  tags              = var.tags
}
