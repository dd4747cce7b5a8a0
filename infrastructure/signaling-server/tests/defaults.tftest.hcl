# What an operator gets who sets nothing. No AWS and no credentials: `tofu test`.

mock_provider "archive" {}

mock_provider "aws" {
  mock_data "aws_iam_policy_document" {
    defaults = {
      json = "{\"Version\":\"2012-10-17\",\"Statement\":[]}"
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
}

run "defaults_are_the_promised_ones" {
  command = apply

  assert {
    condition     = output.dynamodb_table_name == "poker-signaling-connections"
    error_message = "The table has another name."
  }

  assert {
    condition     = output.lambda_function_name == "poker-signaling"
    error_message = "The function has another name."
  }

  assert {
    condition     = aws_apigatewayv2_stage.this.name == "prod"
    error_message = "The stage has another name."
  }

  assert {
    condition     = toset([for route in aws_apigatewayv2_route.this : route.route_key]) == toset(["$connect", "$default", "$disconnect"])
    error_message = "The routes are others."
  }

  assert {
    condition     = one(aws_dynamodb_table.this.global_secondary_index).name == "gameId-index"
    error_message = "The index has another name."
  }

  assert {
    condition = aws_lambda_function.this.environment[0].variables == tomap({
      ALLOWED_ORIGINS                          = ""
      AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI = "https://a1b2c3d4e5.execute-api.us-west-2.amazonaws.com/prod"
      MAX_PAYLOAD_BYTES                        = "65536"
      MESSAGE_BURST                            = "2500"
      MESSAGE_RATE                             = "100"
      SEATS                                    = "24"
      TABLE_NAME                               = "poker-signaling-connections"
      TOPOLOGY                                 = "mesh"
    })
    error_message = "The function's environment is another."
  }

  assert {
    condition     = aws_lambda_function.this.timeout * 1000 < aws_apigatewayv2_integration.this.timeout_milliseconds
    error_message = "The function outlasts the gateway."
  }

  assert {
    condition     = one(aws_apigatewayv2_stage.this.default_route_settings).data_trace_enabled == false
    error_message = "Data trace writes whole messages into a log."
  }

  assert {
    condition     = !can(regex("identity|body|query", one(aws_apigatewayv2_stage.this.access_log_settings).format))
    error_message = "The access log has more than it should."
  }

  assert {
    condition     = aws_cloudwatch_log_group.lambda.retention_in_days == 7 && aws_cloudwatch_log_group.access[0].retention_in_days == 7
    error_message = "A log is not kept for seven days."
  }

  assert {
    condition     = length(aws_api_gateway_account.this) == 0 && length(aws_iam_role.api_gateway) == 0
    error_message = "The account's logging role is touched though nobody asked."
  }

  assert {
    condition     = aws_lambda_function.this.reserved_concurrent_executions == -1
    error_message = "The function takes from what the account has."
  }
}
