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

  mock_resource "aws_lambda_alias" {
    defaults = {
      arn        = "arn:aws:lambda:us-west-2:123456789012:function:made-up:live"
      invoke_arn = "arn:aws:apigateway:us-west-2:lambda:path/2015-03-31/functions/made-up:live/invocations"
    }
  }

  mock_resource "aws_lambda_function" {
    defaults = {
      arn     = "arn:aws:lambda:us-west-2:123456789012:function:made-up"
      version = "7"
    }
  }

  mock_resource "aws_cloudwatch_event_rule" {
    defaults = {
      arn = "arn:aws:events:us-west-2:123456789012:rule/made-up"
    }
  }

  mock_resource "aws_sns_topic" {
    defaults = {
      arn = "arn:aws:sns:us-west-2:123456789012:made-up"
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
  command = apply

  variables {
    name_prefix      = "poker-dev"
    stage            = "dev"
    alarm_topic_arn  = "arn:aws:sns:us-west-2:123456789012:alarms"
    table_protection = { deletion_protection = true, point_in_time_recovery = true }
    access_log       = { enabled = true }
    alarm_email      = "on-call@example.com"
    canary           = { enabled = true }
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
          aws_cloudwatch_event_rule.canary[0].name,
          aws_iam_role.canary[0].name,
          aws_lambda_function.canary[0].function_name,
          aws_sns_topic.alarms[0].name,
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
    condition     = aws_cloudwatch_metric_alarm.this["handshakes"].dimensions == tomap({ function = "poker-dev", stage = "dev" })
    error_message = "The alarms watch the metrics of another deployment."
  }

  assert {
    condition = alltrue([
      for alarm in concat(values(aws_cloudwatch_metric_alarm.this), values(aws_cloudwatch_metric_alarm.rate)) :
      alarm.alarm_actions == toset([var.alarm_topic_arn, aws_sns_topic.alarms[0].arn]) && alarm.ok_actions == alarm.alarm_actions
    ])
    error_message = "An alarm does not notify both topics."
  }

  assert {
    condition     = aws_dynamodb_table.this.deletion_protection_enabled && one(aws_dynamodb_table.this.point_in_time_recovery).enabled
    error_message = "The table is not protected."
  }

  assert {
    condition     = !can(regex("identity|body|query", one(aws_apigatewayv2_stage.this.access_log_settings).format))
    error_message = "The access log holds an address, a body or a query string."
  }

  assert {
    condition     = alltrue([for group in [aws_cloudwatch_log_group.access[0], aws_cloudwatch_log_group.canary[0]] : group.retention_in_days == 7])
    error_message = "A log is not kept for exactly seven days."
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

run "the_role_of_the_account_is_no_part_of_a_deployment" {
  command = plan

  variables {
    access_log = { enabled = true, set_account_role = true }
  }

  expect_failures = [var.access_log]
}

run "more_than_the_account_has_cannot_be_reserved" {
  command = plan

  variables {
    account_concurrency = 10
    throttling          = { reserved_concurrency = 5 }
  }

  expect_failures = [aws_lambda_function.this]
}

run "as_much_as_the_account_has_can_be_reserved" {
  command = plan

  variables {
    throttling = { reserved_concurrency = 900 }
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.this["concurrency"].threshold == 720 && aws_cloudwatch_metric_alarm.this["concurrency"].dimensions == tomap({ FunctionName = "poker-signaling" })
    error_message = "The alarm on concurrency does not watch the reserved share."
  }
}

run "a_rollback_names_a_version" {
  command = plan

  variables {
    commit       = "0123456789abcdef0123456789abcdef01234567"
    live_version = "3"
  }

  assert {
    condition     = aws_lambda_alias.live.function_version == "3"
    error_message = "The alias does not name the version that was asked for."
  }

  assert {
    condition     = endswith(aws_lambda_function.this.description, ", commit 0123456789ab") && aws_lambda_function.this.environment[0].variables["COMMIT"] == "0123456789ab"
    error_message = "The commit is not in the description and the log."
  }
}

run "null_means_the_default" {
  command = plan

  variables {
    access_log       = null
    alarm_thresholds = null
    canary           = null
    function_log     = null
    later            = null
    limits           = null
    stage            = null
    table_protection = null
    throttling       = null
    tracing          = null
  }

  assert {
    condition     = aws_apigatewayv2_stage.this.name == "prod" && aws_lambda_function.this.environment[0].variables["SEATS"] == "24"
    error_message = "null is not the default."
  }
}

run "what_a_platform_team_asks_for" {
  command = apply

  variables {
    canary                  = { enabled = true }
    function_log            = { json = true }
    kms_key_arn             = "arn:aws:kms:us-west-2:123456789012:key/0123-abcd"
    limits                  = { allowed_origins = ["https://poker.example.com"] }
    permissions_boundary    = "arn:aws:iam::123456789012:policy/boundary"
    tags                    = { team = "games" }
    tracing                 = true
    ticket_secret_parameter = "/poker/tickets"
  }

  assert {
    condition = alltrue([
      for key in [
        aws_cloudwatch_log_group.canary[0].kms_key_id,
        aws_cloudwatch_log_group.lambda.kms_key_id,
        aws_lambda_function.canary[0].kms_key_arn,
        aws_lambda_function.this.kms_key_arn,
        aws_sqs_queue.later[0].kms_master_key_id,
        aws_sqs_queue.later_failed[0].kms_master_key_id,
        one(aws_dynamodb_table.this.server_side_encryption).kms_key_arn,
      ] : key == var.kms_key_arn
    ])
    error_message = "Something is not encrypted with the key."
  }

  assert {
    condition     = alltrue([for role in [aws_iam_role.lambda, aws_iam_role.canary[0]] : role.permissions_boundary == var.permissions_boundary])
    error_message = "A role has no boundary."
  }

  assert {
    condition     = alltrue([for each in [aws_apigatewayv2_api.this, aws_dynamodb_table.this, aws_lambda_function.this, aws_sqs_queue.later[0]] : each.tags == tomap({ team = "games" })])
    error_message = "Something has no tag."
  }

  assert {
    condition     = one(aws_lambda_function.this.tracing_config).mode == "Active"
    error_message = "The function is not traced."
  }

  assert {
    condition     = one(aws_lambda_function.this.logging_config).log_format == "JSON" && one(aws_lambda_function.this.logging_config).system_log_level == "WARN"
    error_message = "Lambda still writes START, END and REPORT."
  }

  assert {
    condition     = toset([for statement in data.aws_iam_policy_document.lambda.statement : statement.sid]) == toset(["Rows", "Games", "Connections", "Log", "Later", "Key", "Traces", "Tickets"])
    error_message = "The function's role does not get exactly what it needs."
  }

  assert {
    condition = aws_lambda_function.canary[0].environment[0].variables == tomap({
      FUNCTION_NAME           = "poker-signaling"
      ORIGIN                  = "https://poker.example.com"
      STAGE                   = "prod"
      TICKET_SECRET_PARAMETER = "/poker/tickets"
      WEBSOCKET_URL           = aws_apigatewayv2_stage.this.invoke_url
    })
    error_message = "The canary does not get what it needs to connect."
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.this["canary"].treat_missing_data == "breaching" && aws_cloudwatch_metric_alarm.this["canary"].comparison_operator == "LessThanThreshold"
    error_message = "A canary that does not run raises no alarm."
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
    alarm_email             = "somebody"
    alarm_thresholds        = { slow_ms = 0 }
    account_concurrency     = 0
    commit                  = "main"
    kms_key_arn             = "alias/mine"
    lambda_zip              = "not-there.zip"
    live_version            = "$LATEST"
    permissions_boundary    = "mine"
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
    var.alarm_email,
    var.alarm_thresholds,
    var.account_concurrency,
    var.commit,
    var.kms_key_arn,
    var.lambda_zip,
    var.live_version,
    var.permissions_boundary,
  ]
}
