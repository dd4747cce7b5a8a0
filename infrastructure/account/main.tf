# API Gateway's role for access logs. An account has one in each region, for all of its APIs, so it
# belongs to no deployment: destroying one would switch off the logs of all others.
# https://docs.aws.amazon.com/apigateway/latest/developerguide/websocket-api-logging.html

provider "aws" {
  region = var.region

  default_tags {
    tags = merge({ deployment = "api-gateway-account" }, var.tags)
  }
}

data "aws_partition" "this" {}

data "aws_iam_policy_document" "trust" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["apigateway.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "this" {
  # Role names are unique in an account, across all regions.
  name                 = coalesce(var.role_name, "api-gateway-logs-${var.region}")
  description          = "Lets API Gateway write the logs of this account and region"
  assume_role_policy   = data.aws_iam_policy_document.trust.json
  permissions_boundary = var.permissions_boundary

  lifecycle {
    prevent_destroy = true
  }
}

resource "aws_iam_role_policy_attachment" "this" {
  role       = aws_iam_role.this.name
  policy_arn = "arn:${data.aws_partition.this.partition}:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs"

  lifecycle {
    prevent_destroy = true
  }
}

resource "aws_api_gateway_account" "this" {
  cloudwatch_role_arn = aws_iam_role.this.arn

  depends_on = [aws_iam_role_policy_attachment.this]

  lifecycle {
    prevent_destroy = true
  }
}
