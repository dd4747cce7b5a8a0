# A deployment with the defaults. Run with `tofu test`, without AWS and without credentials.

mock_provider "archive" {}

mock_provider "aws" {
  mock_data "aws_iam_policy_document" {
    defaults = {
      json = "{\"Version\":\"2012-10-17\",\"Statement\":[]}"
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

run "defaults_are_the_promised_ones" {
  command = apply

  assert {
    condition     = output.dynamodb_table_name == "poker-signaling-connections"
    error_message = "The table does not have the documented name."
  }

  assert {
    condition     = output.lambda_function_name == "poker-signaling"
    error_message = "The function does not have the documented name."
  }

  assert {
    condition     = aws_apigatewayv2_stage.this.name == "prod"
    error_message = "The stage is not named prod."
  }

  assert {
    condition     = toset([for route in aws_apigatewayv2_route.this : route.route_key]) == toset(["$connect", "$default", "$disconnect"])
    error_message = "The routes are not $connect, $default and $disconnect."
  }

  assert {
    condition     = one(aws_dynamodb_table.this.global_secondary_index).name == "gameId-index"
    error_message = "The index is not named gameId-index."
  }

  assert {
    condition = aws_lambda_function.this.environment[0].variables == tomap({
      ALLOWED_ORIGINS                          = ""
      AUTO_JOIN                                = "0"
      AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI = "https://a1b2c3d4e5.execute-api.us-west-2.amazonaws.com/prod"
      LATER_QUEUE_URL                          = "https://sqs.us-west-2.amazonaws.com/123456789012/made-up"
      MAX_PAYLOAD_BYTES                        = "65536"
      MESSAGE_BURST                            = "2500"
      MESSAGE_RATE                             = "100"
      SEATS                                    = "24"
      TABLE_NAME                               = "poker-signaling-connections"
      TOPOLOGY                                 = "mesh"
    })
    error_message = "The environment of the function is not the documented one."
  }

  assert {
    condition     = aws_lambda_function.this.timeout * 1000 < aws_apigatewayv2_integration.this.timeout_milliseconds
    error_message = "The time-out of the function is not less than the gateway's."
  }

  assert {
    condition     = one(aws_apigatewayv2_stage.this.default_route_settings).data_trace_enabled == false
    error_message = "Data trace is on and would log whole messages."
  }

  assert {
    condition     = length(aws_apigatewayv2_stage.this.access_log_settings) == 0 && length(aws_cloudwatch_log_group.access) == 0
    error_message = "The access log is on, for which an account needs a role that a new one does not have."
  }

  assert {
    condition     = aws_cloudwatch_log_group.lambda.retention_in_days == 7
    error_message = "The log is not kept for exactly seven days."
  }

  assert {
    condition     = aws_lambda_alias.live.name == "live" && aws_lambda_alias.live.function_version == "7" && aws_lambda_function.this.publish
    error_message = "The alias does not name the newest version."
  }

  assert {
    condition     = aws_apigatewayv2_integration.this.integration_uri == aws_lambda_alias.live.invoke_arn && aws_lambda_permission.this.qualifier == "live"
    error_message = "API Gateway does not call the function by its alias."
  }

  assert {
    condition     = one(aws_apigatewayv2_stage.this.default_route_settings).throttling_rate_limit == 100
    error_message = "The stage does not limit events to 100 per second."
  }

  assert {
    condition     = length(aws_lambda_function.canary) + length(aws_cloudwatch_event_rule.canary) + length(aws_iam_role.canary) + length(aws_sns_topic.alarms) == 0
    error_message = "A canary or a topic is made although it is not asked for."
  }

  assert {
    condition     = aws_lambda_function.this.reserved_concurrent_executions == -1
    error_message = "The function reserves concurrency of the account."
  }

  assert {
    condition     = aws_lambda_event_source_mapping.later[0].function_response_types == toset(["ReportBatchItemFailures"]) && one(aws_lambda_event_source_mapping.later[0].scaling_config).maximum_concurrency == 4
    error_message = "The queue does not invoke the function as documented."
  }

  assert {
    condition     = aws_sqs_queue.later[0].visibility_timeout_seconds == 6 * aws_lambda_function.this.timeout
    error_message = "A note may come back while the function still works on it."
  }

  assert {
    condition     = aws_sqs_queue.later_failed[0].message_retention_seconds == 86400
    error_message = "Notes that failed, which hold names, are not deleted after a day."
  }
}
