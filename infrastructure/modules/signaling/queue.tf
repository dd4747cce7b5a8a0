# What is due later: joins that are watched until they end, and the lobby of a waiting host. The
# function sends itself notes, which come back after their delay.

locals {
  later_environment = var.later.enabled ? {
    AUTO_JOIN       = var.later.auto_join ? "1" : "0"
    LATER_QUEUE_URL = aws_sqs_queue.later[0].url
  } : {}
}

resource "aws_sqs_queue" "later" {
  count = var.later.enabled ? 1 : 0

  name = "${var.name_prefix}-later"
  tags = var.tags

  # Six times the function's time-out, as AWS advises for an event source.
  visibility_timeout_seconds = 6 * local.function_timeout

  # Longer than the longest delay of 15 minutes. What is older is of no use.
  message_retention_seconds = 3600

  # A note holds the payload of a join, which is a player's name.
  sqs_managed_sse_enabled = var.kms_key_arn == null ? true : null
  kms_master_key_id       = var.kms_key_arn

  # AWS advises five: a note that was received while the function was throttled counts too.
  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.later_failed[0].arn
    maxReceiveCount     = 5
  })
}

resource "aws_sqs_queue" "later_failed" {
  count = var.later.enabled ? 1 : 0

  name = "${var.name_prefix}-later-failed"
  tags = var.tags

  # A day is enough to read the log, and no name is kept for longer.
  message_retention_seconds = 86400
  sqs_managed_sse_enabled   = var.kms_key_arn == null ? true : null
  kms_master_key_id         = var.kms_key_arn
}

resource "aws_lambda_event_source_mapping" "later" {
  count = var.later.enabled ? 1 : 0

  event_source_arn        = aws_sqs_queue.later[0].arn
  function_name           = aws_lambda_alias.live.arn
  batch_size              = 10
  tags                    = var.tags
  function_response_types = ["ReportBatchItemFailures"]

  # Messages of players come first: this leaves them the rest of the account's concurrency.
  scaling_config {
    maximum_concurrency = var.later.maximum_concurrency
  }

  depends_on = [aws_iam_role_policy.lambda]

  lifecycle {
    precondition {
      condition     = var.throttling.reserved_concurrency == null ? true : var.throttling.reserved_concurrency > var.later.maximum_concurrency
      error_message = "throttling.reserved_concurrency must be greater than later.maximum_concurrency: the queue alone could use up all of it."
    }
  }
}
