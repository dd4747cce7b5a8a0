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

  lambda_zip = var.lambda_zip != null ? {
    path = var.lambda_zip
    hash = filebase64sha256(var.lambda_zip)
    } : {
    path = data.archive_file.lambda[0].output_path
    hash = data.archive_file.lambda[0].output_base64sha256
  }

  # Less than the gateway's 29 s, so that the time-out of a hanging function is logged. The queue
  # depends on it too, and the function on the queue.
  function_timeout = 28

  # AWS's own URL, also with a custom domain: the domain's mapping hides the stage.
  management_endpoint = "${replace(aws_apigatewayv2_api.this.api_endpoint, "wss://", "https://")}/${var.stage}"

  # Each version is a copy of code and settings. The alias is the version that serves.
  live = "live"

  commit = var.commit == null ? "" : substr(var.commit, 0, 12)
}

data "archive_file" "lambda" {
  count = var.lambda_zip == null ? 1 : 0

  type = "zip"
  # One file for each deployment: two of one configuration are planned at the same time.
  output_path = "${path.module}/build/${var.name_prefix}-${local.region}.zip"

  dynamic "source" {
    for_each = local.lambda_sources

    content {
      filename = source.key
      # The same bytes from a checkout on Windows.
      content = replace(file(source.value), "\r\n", "\n")
    }
  }
}

resource "aws_lambda_function" "this" {
  function_name = var.name_prefix
  description   = join(", commit ", compact(["WebRTC signaling: routes messages between the players of a game", local.commit]))
  role          = aws_iam_role.lambda.arn
  tags          = var.tags

  filename         = local.lambda_zip.path
  source_code_hash = local.lambda_zip.hash
  handler          = "poker_signal.lambda_app.handler.handler"
  runtime          = "python3.13"
  architectures    = ["arm64"]
  publish          = true
  kms_key_arn      = var.kms_key_arn

  # The function itself uses 47 MB. But Lambda allots CPU by memory, and a cold start takes
  # 0.28 s of CPU (`make bench ARGS=lambda-handshake`; the table is in docs/scale.md). 1024 MB
  # give 0.58 of a vCPU. This is the smallest size at which a join that starts a container gets
  # its offer within 1 s; a whole handshake has 5 s. With 512 MB it takes 1.2 s.
  memory_size = 1024

  timeout                        = local.function_timeout
  reserved_concurrent_executions = coalesce(var.throttling.reserved_concurrency, -1)

  environment {
    variables = merge(
      local.later_environment,
      {
        ALLOWED_ORIGINS                          = join(",", var.limits.allowed_origins)
        AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI = local.management_endpoint
        MAX_PAYLOAD_BYTES                        = tostring(var.limits.max_payload_bytes)
        MESSAGE_BURST                            = tostring(var.limits.message_burst)
        MESSAGE_RATE                             = tostring(var.limits.message_rate)
        SEATS                                    = tostring(var.limits.seats)
        TABLE_NAME                               = aws_dynamodb_table.this.name
        TOPOLOGY                                 = var.topology
      },
      var.commit == null ? {} : { COMMIT = local.commit },
      var.ice_parameter == null ? {} : { ICE_PARAMETER = var.ice_parameter },
      var.ticket_secret_parameter == null ? {} : { TICKET_SECRET_PARAMETER = var.ticket_secret_parameter },
    )
  }

  dynamic "logging_config" {
    for_each = var.function_log.json ? [1] : []

    content {
      log_format            = "JSON"
      application_log_level = "INFO"
      # Lines START, END and REPORT have the level INFO.
      system_log_level = "WARN"
    }
  }

  dynamic "tracing_config" {
    for_each = var.tracing ? [1] : []

    content {
      mode = "Active"
    }
  }

  # The first events after a deployment need the policy to use the table, and the log group
  # to be logged.
  depends_on = [aws_iam_role_policy.lambda, aws_cloudwatch_log_group.lambda]

  lifecycle {
    precondition {
      condition     = coalesce(var.throttling.reserved_concurrency, 0) <= max(0, var.account_concurrency - 100)
      error_message = "throttling.reserved_concurrency is ${coalesce(var.throttling.reserved_concurrency, 0)}, but Lambda keeps 100 executions of the account unreserved: with account_concurrency = ${var.account_concurrency}, at most ${max(0, var.account_concurrency - 100)} can be reserved. Leave it out, or ask AWS for a higher quota and set account_concurrency to it."
    }
  }
}

# Clients reach the function only by this alias, which names one version: code and settings change
# in one moment, and a rollback is one call.
resource "aws_lambda_alias" "live" {
  name             = local.live
  description      = "The version that serves"
  function_name    = aws_lambda_function.this.function_name
  function_version = coalesce(var.live_version, aws_lambda_function.this.version)
}

# A version keeps the Python and the botocore with which it was published.
resource "aws_lambda_runtime_management_config" "this" {
  function_name     = aws_lambda_function.this.function_name
  qualifier         = aws_lambda_function.this.version
  update_runtime_on = "FunctionUpdate"
}

resource "aws_lambda_permission" "this" {
  statement_id  = "api-gateway-live"
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.this.function_name
  qualifier     = aws_lambda_alias.live.name
  principal     = "apigateway.amazonaws.com"
  source_arn    = "${aws_apigatewayv2_api.this.execution_arn}/${var.stage}/*"

  # A change must not leave a moment in which API Gateway may not call the function.
  lifecycle {
    create_before_destroy = true
  }
}

# Created before the function, whose role may not create log groups: a group created by Lambda
# keeps its lines for ever and remains after a destroy.
resource "aws_cloudwatch_log_group" "lambda" {
  name              = "/aws/lambda/${var.name_prefix}"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.kms_key_arn
  tags              = var.tags
}
