locals {
  root = "${path.module}/../.."

  # What the function needs of this repository, and nothing else: file name in
  # the zip => file on disk.
  lambda_sources = merge([
    for folder in ["core", "lambda_app"] : {
      for file in fileset("${local.root}/${folder}", "**/*.py") :
      "poker_signal/${folder}/${file}" => "${local.root}/${folder}/${file}"
    }
  ]...)

  # AWS's own URL, behind a custom domain too: there the domain's mapping hides the stage.
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

  filename         = data.archive_file.lambda.output_path
  source_code_hash = data.archive_file.lambda.output_base64sha256
  handler          = "poker_signal.lambda_app.handler.handler"
  runtime          = "python3.13"
  architectures    = ["arm64"]

  # The function itself takes 47 MB, but the share of a CPU grows with the memory, and a cold
  # start is 0.28 s of CPU (`make bench ARGS=lambda-handshake`; the table is in docs/scale.md).
  # 1024 MB are 0.58 of a CPU: the smallest size at which a join that hits a cold container has
  # its offer within a second, of the five that a handshake has. 512 MB would need 1.2 s.
  memory_size = 1024

  # Below the gateway's 29 s: a function that hangs ends in a line of the log.
  timeout                        = 28
  reserved_concurrent_executions = coalesce(var.throttling.reserved_concurrency, -1)

  environment {
    variables = merge({
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

  # Without its policy the table would refuse the first events after a deployment, and
  # without its log group they would be written nowhere.
  depends_on = [aws_iam_role_policy.lambda, aws_cloudwatch_log_group.lambda]
}

resource "aws_lambda_permission" "this" {
  statement_id  = "api-gateway"
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.this.function_name
  principal     = "apigateway.amazonaws.com"
  source_arn    = "${aws_apigatewayv2_api.this.execution_arn}/${var.stage}/*"
}

# It exists before the function, which may not make one: a group made by Lambda keeps
# everything for ever and outlives a destroy.
resource "aws_cloudwatch_log_group" "lambda" {
  name              = "/aws/lambda/${var.name_prefix}"
  retention_in_days = var.log_retention_days
}
