################################################################################
# The function's role
################################################################################

data "aws_caller_identity" "this" {}

data "aws_partition" "this" {}

data "aws_region" "this" {}

locals {
  # `name` in version 5 of the provider is `region` in version 6; `id` is in both.
  region = data.aws_region.this.id

  parameters = "arn:${data.aws_partition.this.partition}:ssm:${local.region}:${data.aws_caller_identity.this.account_id}:parameter/"

  ticket_parameter_arn = "${local.parameters}${trimprefix(coalesce(var.ticket_secret_parameter, "-"), "/")}"
}

data "aws_iam_policy_document" "lambda_trust" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["lambda.amazonaws.com"]
    }
  }
}

data "aws_iam_policy_document" "lambda" {
  statement {
    sid       = "Rows"
    actions   = ["dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"]
    resources = [aws_dynamodb_table.this.arn]
  }

  statement {
    sid       = "Games"
    actions   = ["dynamodb:Query"]
    resources = ["${aws_dynamodb_table.this.arn}/index/gameId-index"]
  }

  statement {
    sid     = "Connections"
    actions = ["execute-api:ManageConnections"]
    resources = [
      for method in ["DELETE", "GET", "POST"] :
      "${aws_apigatewayv2_api.this.execution_arn}/${var.stage}/${method}/@connections/*"
    ]
  }

  statement {
    sid       = "Log"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.lambda.arn}:*"]
  }

  # What the function sends itself, and what Lambda needs to bring it back. No kms:Decrypt: SQS
  # encrypts with its own key.
  dynamic "statement" {
    for_each = aws_sqs_queue.later

    content {
      sid       = "Later"
      actions   = ["sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage", "sqs:SendMessage"]
      resources = [statement.value.arn]
    }
  }

  dynamic "statement" {
    for_each = var.kms_key_arn == null ? [] : [var.kms_key_arn]

    content {
      sid       = "Key"
      actions   = ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey"]
      resources = [statement.value]
    }
  }

  # X-Ray has no resources.
  dynamic "statement" {
    for_each = var.tracing ? [1] : []

    content {
      sid       = "Traces"
      actions   = ["xray:PutTelemetryRecords", "xray:PutTraceSegments"]
      resources = ["*"]
    }
  }

  # No kms:Decrypt: with the key aws/ssm, permission to read the parameter is enough.
  dynamic "statement" {
    for_each = var.ticket_secret_parameter == null ? [] : [1]

    content {
      sid       = "Tickets"
      actions   = ["ssm:GetParameter"]
      resources = [local.ticket_parameter_arn]
    }
  }

  dynamic "statement" {
    for_each = var.ice_parameter == null ? [] : [1]

    content {
      sid       = "Ice"
      actions   = ["ssm:GetParameter"]
      resources = ["${local.parameters}${trimprefix(var.ice_parameter, "/")}"]
    }
  }
}

resource "aws_iam_role" "lambda" {
  # Role names are unique in an account, across all regions.
  name                 = "${var.name_prefix}-${local.region}"
  description          = "Permissions of the signaling function"
  assume_role_policy   = data.aws_iam_policy_document.lambda_trust.json
  permissions_boundary = var.permissions_boundary
  tags                 = var.tags
}

resource "aws_iam_role_policy" "lambda" {
  name   = "signaling"
  role   = aws_iam_role.lambda.id
  policy = data.aws_iam_policy_document.lambda.json
}
