locals {
  alarm_actions = var.alarm_topic_arn == null ? [] : [var.alarm_topic_arn]

  # Of the metrics that the function writes, in one line per event (docs/lambda.md).
  namespace = "poker-signal"

  # Both are needed: another deployment in the account may have a stage of the same name.
  dimensions = {
    function = aws_lambda_function.this.function_name
    stage    = var.stage
  }

  # The dimensions in the form of a dashboard: name, value, name, value.
  series = flatten([for name, value in local.dimensions : [name, value]])

  # With fewer messages a rate means nothing: one lost candidate of three is no alarm.
  least_messages = 50

  # Alarms on one metric.
  alarms = merge(local.later_alarms, {
    errors = {
      description = "The function raised, timed out or did not start. Clients get Internal server error."
      namespace   = "AWS/Lambda"
      metric      = "Errors"
      dimensions  = { FunctionName = aws_lambda_function.this.function_name }
      statistic   = "Sum"
      extended    = null
      threshold   = 1
      periods     = 1
    }
    throttles = {
      description = "Lambda refused invocations. The concurrency of the account, or the reserved concurrency of the function, is used up."
      namespace   = "AWS/Lambda"
      metric      = "Throttles"
      dimensions  = { FunctionName = aws_lambda_function.this.function_name }
      statistic   = "Sum"
      extended    = null
      threshold   = 1
      periods     = 1
    }
    slow = {
      description = "One event in twenty takes two seconds or more. A whole handshake has five seconds."
      namespace   = local.namespace
      metric      = "Milliseconds"
      dimensions  = local.dimensions
      statistic   = null
      extended    = "p95"
      threshold   = 2000
      periods     = 3
    }
    handshakes = {
      description = "One handshake in twenty takes three seconds or more, from a player's connect to the answer. Compare with the alarm slow: if it is silent, hosts or networks are slow, or joins are delivered again."
      namespace   = local.namespace
      metric      = "HandshakeMs"
      dimensions  = local.dimensions
      statistic   = null
      extended    = "p95"
      threshold   = 3000
      periods     = 3
    }
    gateway = {
      description = "API Gateway could not call the function, or got no answer within 29 s. Clients get 5xx."
      namespace   = "AWS/ApiGateway"
      metric      = "ExecutionError"
      dimensions  = { ApiId = aws_apigatewayv2_api.this.id, Stage = var.stage }
      statistic   = "Sum"
      extended    = null
      threshold   = 1
      periods     = 1
    }
  })

  later_alarms = {
    for queue in aws_sqs_queue.later_failed : "later" => {
      description = "Notes of what is due later failed five times: joins are not watched, or lobbies close. Look in the function's log for ERROR lines with a field due, then purge the queue ${queue.name}."
      namespace   = "AWS/SQS"
      metric      = "ApproximateNumberOfMessagesVisible"
      dimensions  = { QueueName = queue.name }
      statistic   = "Maximum"
      extended    = null
      threshold   = 1
      periods     = 1
    }
  }

  # Alarms on a rate per 100 messages.
  rates = {
    ghosts = {
      description = "Per 100 messages, 20 or more connections were found gone. Clients disappear without closing their connection."
      metric      = "GhostsHealed"
      threshold   = 20
    }
    undelivered = {
      description = "Of 100 messages, 20 or more were not delivered."
      metric      = "Undelivered"
      threshold   = 20
    }
  }

  widgets = concat(local.common_widgets, local.later_widgets)

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
        concat([local.namespace, "Milliseconds"], local.series, [{ stat = "p50", label = "p50" }]),
        concat([local.namespace, "Milliseconds"], local.series, [{ stat = "p95", label = "p95" }]),
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
  alarm_description   = each.value.description
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  dimensions          = each.value.dimensions
  statistic           = each.value.statistic
  extended_statistic  = each.value.extended
  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = each.value.threshold
  period              = 300
  evaluation_periods  = each.value.periods
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.alarm_actions
  ok_actions          = local.alarm_actions
  tags                = var.tags
}

resource "aws_cloudwatch_metric_alarm" "rate" {
  for_each = local.rates

  alarm_name          = "${var.name_prefix}-${each.key}"
  alarm_description   = each.value.description
  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = each.value.threshold
  evaluation_periods  = 3
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.alarm_actions
  ok_actions          = local.alarm_actions
  tags                = var.tags

  metric_query {
    id          = "rate"
    label       = "per cent of messages"
    expression  = "IF(delivered + undelivered >= ${local.least_messages}, 100 * bad / (delivered + undelivered), 0)"
    return_data = true
  }

  dynamic "metric_query" {
    for_each = { bad = each.value.metric, delivered = "Deliveries", undelivered = "Undelivered" }

    content {
      id          = metric_query.key
      return_data = false

      metric {
        namespace   = local.namespace
        metric_name = metric_query.value
        dimensions  = local.dimensions
        period      = 300
        stat        = "Sum"
      }
    }
  }
}

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
