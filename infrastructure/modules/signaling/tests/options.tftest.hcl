# Effects of the variables. Run with `tofu test`, without AWS and without credentials.

mock_provider "archive" {}

mock_provider "aws" {
  mock_data "aws_iam_policy_document" {
    defaults = {
      json = "{\"Version\":\"2012-10-17\",\"Statement\":[]}"
    }
  }

  mock_data "aws_caller_identity" {
    defaults = {
      account_id = "123456789012"
    }
  }

  mock_data "aws_region" {
    defaults = {
      id = "us-west-2"
    }
  }

  mock_data "aws_partition" {
    defaults = {
      partition = "aws"
    }
  }

  mock_resource "aws_apigatewayv2_api" {
    defaults = {
      api_endpoint  = "wss://a1b2c3d4e5.execute-api.us-west-2.amazonaws.com"
      execution_arn = "arn:aws:execute-api:us-west-2:123456789012:a1b2c3d4e5"
    }
  }

  mock_resource "aws_cloudwatch_log_group" {
    defaults = {
      arn = "arn:aws:logs:us-west-2:123456789012:log-group:made-up"
    }
  }

  mock_resource "aws_iam_role" {
    defaults = {
      arn = "arn:aws:iam::123456789012:role/made-up"
    }
  }

  mock_resource "aws_lambda_function" {
    defaults = {
      arn        = "arn:aws:lambda:us-west-2:123456789012:function:made-up"
      invoke_arn = "arn:aws:apigateway:us-west-2:lambda:path/2015-03-31/functions/made-up/invocations"
    }
  }

  mock_resource "aws_sqs_queue" {
    defaults = {
      arn = "arn:aws:sqs:us-west-2:123456789012:made-up"
      url = "https://sqs.us-west-2.amazonaws.com/123456789012/made-up"
    }
  }
}

run "limits_reach_the_function" {
  command = plan

  variables {
    limits = {
      seats             = 0
      message_rate      = 0.5
      message_burst     = 1
      max_payload_bytes = 131072
      allowed_origins   = ["https://poker.example.com", "http://localhost:8080", "null"]
    }
  }

  assert {
    condition = {
      for name, value in aws_lambda_function.this.environment[0].variables : name => value
      if contains(["ALLOWED_ORIGINS", "MAX_PAYLOAD_BYTES", "MESSAGE_BURST", "MESSAGE_RATE", "SEATS"], name)
      } == {
      ALLOWED_ORIGINS   = "https://poker.example.com,http://localhost:8080,null"
      MAX_PAYLOAD_BYTES = "131072"
      MESSAGE_BURST     = "1"
      MESSAGE_RATE      = "0.5"
      SEATS             = "0"
    }
    error_message = "The function does not get these limits."
  }
}

run "everything_that_can_be_asked_for" {
  command = plan

  variables {
    name_prefix      = "poker-dev"
    stage            = "dev"
    alarm_topic_arn  = "arn:aws:sns:us-west-2:123456789012:alarms"
    table_protection = { deletion_protection = true, point_in_time_recovery = true }
    access_log       = { set_account_role = true }
    throttling       = { reserved_concurrency = 20 }
  }

  assert {
    condition = alltrue([
      for name in concat(
        [
          aws_apigatewayv2_api.this.name,
          aws_cloudwatch_dashboard.this.dashboard_name,
          aws_dynamodb_table.this.name,
          aws_iam_role.lambda.name,
          aws_lambda_function.this.function_name,
          aws_sqs_queue.later[0].name,
          aws_sqs_queue.later_failed[0].name,
          trimprefix(aws_cloudwatch_log_group.lambda.name, "/aws/lambda/"),
          trimprefix(aws_cloudwatch_log_group.access[0].name, "/aws/apigateway/"),
        ],
        [for alarm in aws_cloudwatch_metric_alarm.this : alarm.alarm_name],
        [for alarm in aws_cloudwatch_metric_alarm.rate : alarm.alarm_name],
      ) : startswith(name, "poker-dev")
    ])
    error_message = "A name does not begin with name_prefix and would collide with another deployment."
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.this["slow"].dimensions == tomap({ function = "poker-dev", stage = "dev" })
    error_message = "The alarms watch the metrics of another deployment."
  }

  assert {
    condition = alltrue([
      for alarm in concat(values(aws_cloudwatch_metric_alarm.this), values(aws_cloudwatch_metric_alarm.rate)) :
      one(alarm.alarm_actions) == var.alarm_topic_arn && one(alarm.ok_actions) == var.alarm_topic_arn
    ])
    error_message = "An alarm does not notify the topic."
  }

  assert {
    condition     = aws_dynamodb_table.this.deletion_protection_enabled && one(aws_dynamodb_table.this.point_in_time_recovery).enabled
    error_message = "The table is not protected."
  }

  assert {
    condition     = length(aws_api_gateway_account.this) == 1 && aws_iam_role.api_gateway[0].name == "poker-dev-us-west-2-logs"
    error_message = "The account's logging role is not set."
  }

  assert {
    condition     = aws_lambda_function.this.reserved_concurrent_executions == 20
    error_message = "No concurrency is reserved."
  }
}

run "tickets_are_asked_for" {
  command = plan

  variables {
    ticket_secret_parameter = "/poker-dev/tickets"
  }

  assert {
    condition = [
      for statement in data.aws_iam_policy_document.lambda.statement :
      statement.actions if statement.sid == "Tickets"
    ] == [toset(["ssm:GetParameter"])]
    error_message = "The function must be allowed to read SSM parameters, and nothing else of SSM."
  }

  assert {
    condition = [
      for statement in data.aws_iam_policy_document.lambda.statement :
      statement.resources if statement.sid == "Tickets"
    ] == [toset(["arn:aws:ssm:us-west-2:123456789012:parameter/poker-dev/tickets"])]
    error_message = "The function must be allowed to read exactly the one parameter."
  }
}

run "a_join_can_be_delivered_in_a_players_name" {
  command = plan

  variables {
    later = { auto_join = true, maximum_concurrency = 2 }
  }

  assert {
    condition     = local.later_environment.AUTO_JOIN == "1"
    error_message = "The function does not get auto_join."
  }

  assert {
    condition     = one(aws_lambda_event_source_mapping.later[0].scaling_config).maximum_concurrency == 2
    error_message = "The queue may start more executions than set."
  }
}

run "nothing_of_the_queue_is_left_without_it" {
  command = plan

  variables {
    later = { enabled = false }
  }

  assert {
    condition     = length(aws_sqs_queue.later) + length(aws_sqs_queue.later_failed) + length(aws_lambda_event_source_mapping.later) == 0
    error_message = "A queue, or its event source, is planned."
  }

  assert {
    condition     = length(setintersection(keys(aws_lambda_function.this.environment[0].variables), ["AUTO_JOIN", "LATER_QUEUE_URL"])) == 0
    error_message = "The function gets a variable of the queue."
  }

  assert {
    condition     = !contains([for statement in data.aws_iam_policy_document.lambda.statement : statement.sid], "Later")
    error_message = "The role may use a queue."
  }

  assert {
    condition     = !contains(keys(aws_cloudwatch_metric_alarm.this), "later") && length(local.later_widgets) == 0
    error_message = "An alarm or the dashboard watches a queue."
  }
}

run "the_queue_cannot_use_up_reserved_concurrency" {
  command = plan

  variables {
    throttling = { reserved_concurrency = 4 }
  }

  expect_failures = [aws_lambda_event_source_mapping.later]
}

run "the_url_is_the_custom_domain" {
  command = apply

  variables {
    custom_domain = {
      name            = "signal.example.com"
      certificate_arn = "arn:aws:acm:us-west-2:123456789012:certificate/1"
    }
  }

  assert {
    condition     = output.websocket_url == "wss://signal.example.com"
    error_message = "websocket_url is not the custom domain."
  }

  assert {
    condition     = aws_lambda_function.this.environment[0].variables["AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI"] == "https://a1b2c3d4e5.execute-api.us-west-2.amazonaws.com/prod"
    error_message = "The function would post to a domain whose mapping hides the stage."
  }
}

run "a_certificate_of_another_region_is_refused" {
  command = plan

  variables {
    custom_domain = {
      name            = "signal.example.com"
      certificate_arn = "arn:aws:acm:us-east-1:123456789012:certificate/1"
    }
  }

  expect_failures = [aws_apigatewayv2_domain_name.this]
}

run "the_access_log_can_be_switched_off" {
  command = plan

  variables {
    access_log = { enabled = false }
  }

  assert {
    condition     = length(aws_apigatewayv2_stage.this.access_log_settings) == 0 && length(aws_cloudwatch_log_group.access) == 0
    error_message = "The access log is still there."
  }
}

run "bad_input_is_refused" {
  command = plan

  variables {
    name_prefix             = "Poker"
    stage                   = "$default"
    topology                = "ring"
    ticket_secret_parameter = "arn:aws:ssm:us-west-2:123456789012:parameter/tickets"
    limits                  = { seats = -1 }
    later                   = { maximum_concurrency = 1 }
    log_retention_days      = 8
    throttling              = { rate_limit = 0 }
    custom_domain           = { name = "signal.example.com" }
    alarm_topic_arn         = "somebody"
  }

  expect_failures = [
    var.name_prefix,
    var.stage,
    var.topology,
    var.ticket_secret_parameter,
    var.limits,
    var.later,
    var.log_retention_days,
    var.throttling,
    var.custom_domain,
    var.alarm_topic_arn,
  ]
}
