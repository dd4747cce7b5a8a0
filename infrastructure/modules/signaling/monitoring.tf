locals {
  alarm_topics = compact([var.alarm_topic_arn, one(aws_sns_topic.alarms[*].arn)])

  # Of the metrics that the function writes, in one line per event (docs/lambda.md).
  namespace = "poker-signal"

  # Both are needed: another deployment in the account may have a stage of the same name.
  dimensions = {
    function = aws_lambda_function.this.function_name
    stage    = var.stage
  }

  # The dimensions in the form of a dashboard: name, value, name, value.
  series = flatten([for name, value in local.dimensions : [name, value]])

  gateway_dimensions = { ApiId = aws_apigatewayv2_api.this.id, Stage = var.stage }
  lambda_dimensions  = { FunctionName = aws_lambda_function.this.function_name }
  table_dimensions   = { TableName = aws_dynamodb_table.this.name }
  index_dimensions   = merge(local.table_dimensions, { GlobalSecondaryIndexName = "gameId-index" })

  # With fewer events a percentage means nothing: one lost candidate of three is no alarm, and one
  # error in a million is none either.
  least_errors = 3
  least_events = 50

  runbook = "docs/deploy.md#alarm-"
  percent = "100 * bad / whole"

  # Alarms on one metric.
  alarms = merge(local.later_alarms, local.canary_alarms, {
    slow = {
      description = "One event in twenty takes ${var.alarm_thresholds.slow_ms} ms or more; a whole handshake has five seconds. First: look at DynamoDB's latency on the dashboard of the table."
      namespace   = "AWS/Lambda"
      metric      = "Duration"
      dimensions  = local.lambda_dimensions
      statistic   = null
      extended    = "p95"
      threshold   = var.alarm_thresholds.slow_ms
      periods     = 3
      is_low_bad  = false
    }
    handshakes = {
      description = "One handshake in twenty takes ${var.alarm_thresholds.handshake_ms} ms or more, from a player's connect to the answer. First: look whether the alarm slow is on too; if not, hosts or networks are slow, or joins are delivered again."
      namespace   = local.namespace
      metric      = "HandshakeMs"
      dimensions  = local.dimensions
      statistic   = null
      extended    = "p95"
      threshold   = var.alarm_thresholds.handshake_ms
      periods     = 3
      is_low_bad  = false
    }
    # Without reserved concurrency, all functions of the account share one limit, and its metric has
    # no dimensions.
    concurrency = {
      description = "${var.alarm_thresholds.concurrency_percent} % of the concurrent executions are in use; beyond 100 % players are refused. First: look which function grows, and ask AWS for a higher quota."
      namespace   = "AWS/Lambda"
      metric      = "ConcurrentExecutions"
      dimensions  = var.throttling.reserved_concurrency == null ? {} : local.lambda_dimensions
      statistic   = "Maximum"
      extended    = null
      threshold   = var.alarm_thresholds.concurrency_percent / 100 * coalesce(var.throttling.reserved_concurrency, var.account_concurrency)
      periods     = 1
      is_low_bad  = false
    }
  })

  later_alarms = {
    for queue in aws_sqs_queue.later_failed : "later" => {
      description = "Notes of what is due later failed five times: joins are not watched, or lobbies close. First: look in the function's log for ERROR lines with a field due, then purge the queue ${queue.name}."
      namespace   = "AWS/SQS"
      metric      = "ApproximateNumberOfMessagesVisible"
      dimensions  = { QueueName = queue.name }
      statistic   = "Maximum"
      extended    = null
      threshold   = 1
      periods     = 1
      is_low_bad  = false
    }
  }

  # Alarms on a percentage, or on a sum. An expression of metrics that are not there is not there
  # either, and counts as good.
  rates = {
    errors = {
      description = "Per 100 invocations, ${var.alarm_thresholds.errors_percent} or more raised, timed out or did not start; clients get Internal server error. First: look in the function's log for ERROR; after an update, roll back."
      expression  = "IF(bad >= ${local.least_errors}, ${local.percent}, 0)"
      threshold   = var.alarm_thresholds.errors_percent
      periods     = 1
      metrics = {
        bad   = { namespace = "AWS/Lambda", name = "Errors", dimensions = local.lambda_dimensions }
        whole = { namespace = "AWS/Lambda", name = "Invocations", dimensions = local.lambda_dimensions }
      }
    }
    throttles = {
      description = "Per 100 invocations, Lambda refused ${var.alarm_thresholds.throttles_percent} or more. First: compare the concurrency on the dashboard with the quota of the account, and with reserved_concurrency."
      expression  = "IF(bad >= ${local.least_errors}, 100 * bad / (bad + whole), 0)"
      threshold   = var.alarm_thresholds.throttles_percent
      periods     = 1
      metrics = {
        bad   = { namespace = "AWS/Lambda", name = "Throttles", dimensions = local.lambda_dimensions }
        whole = { namespace = "AWS/Lambda", name = "Invocations", dimensions = local.lambda_dimensions }
      }
    }
    gateway = {
      description = "Per 100 connects and messages, API Gateway could not call the function, or got no answer within 29 s, for ${var.alarm_thresholds.gateway_percent} or more; clients get 5xx. First: run tofu plan, which shows whether the permission was changed by hand."
      expression  = "IF(bad >= ${local.least_errors}, 100 * bad / (connects + messages), 0)"
      threshold   = var.alarm_thresholds.gateway_percent
      periods     = 1
      metrics = {
        bad      = { namespace = "AWS/ApiGateway", name = "ExecutionError", dimensions = local.gateway_dimensions }
        connects = { namespace = "AWS/ApiGateway", name = "ConnectCount", dimensions = local.gateway_dimensions }
        messages = { namespace = "AWS/ApiGateway", name = "MessageCount", dimensions = local.gateway_dimensions }
      }
    }
    # 429 of the stage or the account among them: the first limit that a growing service meets.
    refused = {
      description = "Per 100 connects and messages, API Gateway itself refused ${var.alarm_thresholds.refused_percent} or more, most likely with 429. First: compare connects and messages on the dashboard with throttling.rate_limit, then with the quota of the account."
      expression  = "IF(bad >= ${local.least_errors}, 100 * bad / (bad + connects + messages), 0)"
      threshold   = var.alarm_thresholds.refused_percent
      periods     = 1
      metrics = {
        bad      = { namespace = "AWS/ApiGateway", name = "ClientError", dimensions = local.gateway_dimensions }
        connects = { namespace = "AWS/ApiGateway", name = "ConnectCount", dimensions = local.gateway_dimensions }
        messages = { namespace = "AWS/ApiGateway", name = "MessageCount", dimensions = local.gateway_dimensions }
      }
    }
    # DynamoDB writes these metrics only when they are not zero.
    table = {
      description = "DynamoDB throttled or failed ${var.alarm_thresholds.table_errors} or more requests; messages are late or lost. First: look at AWS's health page, then at the consumed units of the table and its index."
      expression = "SUM([${join(", ", concat(
        [for name in ["read", "write", "index_read", "index_write"] : "FILL(${name}, 0)"],
        [for operation in local.table_operations : "FILL(${lower(operation)}, 0)"],
      ))}])"
      threshold = var.alarm_thresholds.table_errors
      periods   = 1
      metrics = merge(
        {
          read        = { namespace = "AWS/DynamoDB", name = "ReadThrottleEvents", dimensions = local.table_dimensions }
          write       = { namespace = "AWS/DynamoDB", name = "WriteThrottleEvents", dimensions = local.table_dimensions }
          index_read  = { namespace = "AWS/DynamoDB", name = "ReadThrottleEvents", dimensions = local.index_dimensions }
          index_write = { namespace = "AWS/DynamoDB", name = "WriteThrottleEvents", dimensions = local.index_dimensions }
        },
        {
          for operation in local.table_operations : lower(operation) => {
            namespace  = "AWS/DynamoDB"
            name       = "SystemErrors"
            dimensions = merge(local.table_dimensions, { Operation = operation })
          }
        },
      )
    }
    undelivered = {
      description = "Per 100 events, ${var.alarm_thresholds.undelivered_percent} or more messages were not delivered. First: look at the field code of the log."
      expression  = "IF(whole >= ${local.least_events}, ${local.percent}, 0)"
      threshold   = var.alarm_thresholds.undelivered_percent
      periods     = 3
      metrics = {
        bad   = { namespace = local.namespace, name = "Undelivered", dimensions = local.dimensions }
        whole = { namespace = "AWS/Lambda", name = "Invocations", dimensions = local.lambda_dimensions }
      }
    }
    ghosts = {
      description = "Per 100 events, ${var.alarm_thresholds.ghosts_percent} or more connections were found gone: clients disappear without closing them. First: look for a new version of the app, or for one carrier."
      expression  = "IF(whole >= ${local.least_events}, ${local.percent}, 0)"
      threshold   = var.alarm_thresholds.ghosts_percent
      periods     = 3
      metrics = {
        bad   = { namespace = local.namespace, name = "GhostsHealed", dimensions = local.dimensions }
        whole = { namespace = "AWS/Lambda", name = "Invocations", dimensions = local.lambda_dimensions }
      }
    }
    failed = {
      description = "Of 100 connections that clients reported, ${var.alarm_thresholds.failed_percent} or more failed: signaling worked, and the peers did not reach each other. First: look whether the TURN server answers."
      expression  = "IF(bad + good >= 20, 100 * bad / (bad + good), 0)"
      threshold   = var.alarm_thresholds.failed_percent
      periods     = 3
      metrics = {
        bad  = { namespace = local.namespace, name = "Failed", dimensions = local.dimensions }
        good = { namespace = local.namespace, name = "Connected", dimensions = local.dimensions }
      }
    }
  }

  table_operations = ["DeleteItem", "GetItem", "PutItem", "Query", "UpdateItem"]

  widgets = concat(local.common_widgets, local.later_widgets, local.canary_widgets)

  later_widgets = [
    for queue in aws_sqs_queue.later : {
      title = "What is due later"
      stat  = "Sum"
      metrics = [
        ["AWS/SQS", "NumberOfMessagesSent", "QueueName", queue.name],
        ["AWS/SQS", "NumberOfMessagesDeleted", "QueueName", queue.name],
        ["AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName", queue.name, { stat = "Maximum", label = "oldest, s" }],
        ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", "${queue.name}-failed", { stat = "Maximum", label = "failed, which should be zero" }],
      ]
    }
  ]

  common_widgets = [
    {
      title = "Messages"
      stat  = "Sum"
      metrics = [
        concat([local.namespace, "Deliveries"], local.series),
        concat([local.namespace, "Undelivered"], local.series),
        concat([local.namespace, "GhostsHealed"], local.series),
      ]
    },
    {
      title = "Connections and messages at the gateway"
      stat  = "Sum"
      metrics = [
        ["AWS/ApiGateway", "ConnectCount", "ApiId", aws_apigatewayv2_api.this.id, "Stage", var.stage],
        ["AWS/ApiGateway", "MessageCount", "ApiId", aws_apigatewayv2_api.this.id, "Stage", var.stage],
      ]
    },
    {
      title = "Milliseconds per event"
      stat  = "p95"
      metrics = [
        ["AWS/Lambda", "Duration", "FunctionName", aws_lambda_function.this.function_name, { stat = "p50", label = "p50" }],
        ["AWS/Lambda", "Duration", "FunctionName", aws_lambda_function.this.function_name, { stat = "p95", label = "p95" }],
        ["AWS/Lambda", "Duration", "FunctionName", aws_lambda_function.this.function_name, { stat = "Maximum", label = "slowest" }],
      ]
    },
    {
      title = "Milliseconds per handshake, from a player's connect to the answer"
      stat  = "p95"
      metrics = [
        concat([local.namespace, "HandshakeMs"], local.series, [{ stat = "p50", label = "p50" }]),
        concat([local.namespace, "HandshakeMs"], local.series, [{ stat = "p95", label = "p95" }]),
      ]
    },
    {
      title = "Connections, as clients report them"
      stat  = "Sum"
      metrics = [
        concat([local.namespace, "Connected"], local.series),
        concat([local.namespace, "Failed"], local.series),
        concat([local.namespace, "ConnectMs"], local.series, [{ stat = "p95", label = "ms, p95" }]),
      ]
    },
    {
      title = "Concurrent executions, of the function and of the account"
      stat  = "Maximum"
      metrics = [
        ["AWS/Lambda", "ConcurrentExecutions", "FunctionName", aws_lambda_function.this.function_name],
        ["AWS/Lambda", "ConcurrentExecutions"],
      ]
    },
    {
      title = "Errors, which should be zero"
      stat  = "Sum"
      metrics = [
        concat([local.namespace, "Failures"], local.series),
        ["AWS/Lambda", "Errors", "FunctionName", aws_lambda_function.this.function_name],
        ["AWS/Lambda", "Throttles", "FunctionName", aws_lambda_function.this.function_name],
        ["AWS/ApiGateway", "ExecutionError", "ApiId", aws_apigatewayv2_api.this.id, "Stage", var.stage],
        ["AWS/ApiGateway", "ClientError", "ApiId", aws_apigatewayv2_api.this.id, "Stage", var.stage],
      ]
    },
  ]
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = local.alarms

  alarm_name          = "${var.name_prefix}-${each.key}"
  alarm_description   = "${each.value.description} Runbook: ${local.runbook}${each.key}"
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  dimensions          = each.value.dimensions
  statistic           = each.value.statistic
  extended_statistic  = each.value.extended
  comparison_operator = each.value.is_low_bad ? "LessThanThreshold" : "GreaterThanOrEqualToThreshold"
  threshold           = each.value.threshold
  period              = 300
  evaluation_periods  = each.value.periods
  alarm_actions       = local.alarm_topics
  ok_actions          = local.alarm_topics
  tags                = var.tags

  # Of few events, one slow event would be the 95th percentile.
  evaluate_low_sample_count_percentiles = each.value.extended == null ? null : "ignore"

  # Without players most metrics are not there. The canary's always are, if clients can connect.
  treat_missing_data = each.value.is_low_bad ? "breaching" : "notBreaching"
}

resource "aws_cloudwatch_metric_alarm" "rate" {
  for_each = local.rates

  alarm_name          = "${var.name_prefix}-${each.key}"
  alarm_description   = "${each.value.description} Runbook: ${local.runbook}${each.key}"
  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = each.value.threshold
  evaluation_periods  = each.value.periods
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.alarm_topics
  ok_actions          = local.alarm_topics
  tags                = var.tags

  metric_query {
    id          = "rate"
    label       = each.key
    expression  = each.value.expression
    return_data = true
  }

  dynamic "metric_query" {
    for_each = each.value.metrics

    content {
      id          = metric_query.key
      return_data = false

      metric {
        namespace   = metric_query.value.namespace
        metric_name = metric_query.value.name
        dimensions  = metric_query.value.dimensions
        period      = 300
        stat        = "Sum"
      }
    }
  }
}

################################################################################
# Topic, on demand
################################################################################

# Not encrypted with AWS's own key: alarms may not publish to such a topic.
resource "aws_sns_topic" "alarms" {
  count = var.alarm_email == null ? 0 : 1

  name = "${var.name_prefix}-alarms"
  tags = var.tags
}

resource "aws_sns_topic_subscription" "alarms" {
  count = var.alarm_email == null ? 0 : 1

  topic_arn = aws_sns_topic.alarms[0].arn
  protocol  = "email"
  endpoint  = var.alarm_email
}

################################################################################
# Dashboard
################################################################################

resource "aws_cloudwatch_dashboard" "this" {
  dashboard_name = var.name_prefix
  dashboard_body = jsonencode({
    widgets = [
      for index, widget in local.widgets : {
        type   = "metric"
        x      = 12 * (index % 2)
        y      = 6 * floor(index / 2)
        width  = 12
        height = 6
        properties = {
          title   = widget.title
          region  = local.region
          stat    = widget.stat
          period  = 300
          view    = "timeSeries"
          metrics = widget.metrics
        }
      }
    ]
  })
}
