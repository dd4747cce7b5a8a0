# The inputs of modules/signaling, which has the defaults and refuses wrong values. Members of objects
# that do not exist are refused here: a module gets only those that it knows.

variable "region" {
  description = "The AWS region."
  type        = string
  default     = "us-west-2"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[1-9]$", var.region))
    error_message = "region must be the code of an AWS region, such as us-west-2."
  }
}

variable "name_prefix" {
  description = "Prefix of every resource name. A second deployment in the same account needs another prefix."
  type        = string
  default     = "poker-signaling"
  nullable    = false
}

variable "stage" {
  description = "Name of the stage, the last part of the URL."
  type        = string
  default     = "prod"
  nullable    = false
}

variable "topology" {
  description = "Topology of a game: mesh, all players may address each other; star, players may address only HOST, and only HOST sends offers."
  type        = string
  default     = null
}

variable "ticket_secret_parameter" {
  description = "Name of the SSM parameter with the secrets of join tickets. The function may read this parameter. null: no ticket is required."
  type        = string
  default     = null
}

variable "ice_parameter" {
  description = "Name of the SSM parameter with the configuration of ICE servers (docs/ice.md). The function may read this parameter. null: clients get no ICE servers."
  type        = string
  default     = null
}

variable "limits" {
  description = "Limits of the function. seats: players of a game besides HOST, 0: no limit. message_rate: messages per second of one connection, 0: no limit. message_burst: messages of one connection at once. max_payload_bytes: the largest payload. allowed_origins: web pages that may connect, empty: all."
  type        = any
  default     = null

  validation {
    condition     = length(setsubtract(try(keys(var.limits), []), ["seats", "message_rate", "message_burst", "max_payload_bytes", "allowed_origins"])) == 0
    error_message = "limits can have these members only: seats, message_rate, message_burst, max_payload_bytes, allowed_origins."
  }
}

variable "later" {
  description = "Work that is due later, by a queue. enabled: joins are watched until they end, and the connection of a HOST that waits for players is kept open. auto_join: a join that never came is delivered in the player's name. maximum_concurrency: executions of the function at once for the queue."
  type        = any
  default     = null

  validation {
    condition     = length(setsubtract(try(keys(var.later), []), ["enabled", "auto_join", "maximum_concurrency"])) == 0
    error_message = "later can have these members only: enabled, auto_join, maximum_concurrency."
  }
}

variable "log_retention_days" {
  description = "Days for which the logs are kept."
  type        = number
  default     = null
}

variable "throttling" {
  description = "Throttling. rate_limit: events per second that the stage accepts, the limit of what a misbehaving client can cost. burst_limit: events at once. reserved_concurrency: concurrent executions of the account that are reserved for the function, which are also its maximum; null: none reserved, because a new account has none to reserve."
  type        = any
  default     = null

  validation {
    condition     = length(setsubtract(try(keys(var.throttling), []), ["rate_limit", "burst_limit", "reserved_concurrency"])) == 0
    error_message = "throttling can have these members only: rate_limit, burst_limit, reserved_concurrency."
  }
}

variable "account_concurrency" {
  description = "Quota of concurrent executions of the account in the region. AWS gives a new account 10, and 1000 on request. The alarm on concurrency and the check of reserved_concurrency use it."
  type        = number
  default     = null
}

variable "lambda_zip" {
  description = "Path of the zip that `make lambda.zip` makes, for pipelines that plan and apply on different machines. null: the plan makes a zip of its own."
  type        = string
  default     = null
}

variable "commit" {
  description = "The commit that is deployed. Its first 12 digits are in the description of the function's version and in every line of the log. null: in neither."
  type        = string
  default     = null
}

variable "live_version" {
  description = "Version of the function that serves, for a rollback of code and settings. null: the newest."
  type        = string
  default     = null
}

variable "function_log" {
  description = "Log of the function. json: Lambda's own format is JSON without its lines START, END and REPORT, a third of the log. Off by default, because it is not known whether CloudWatch still makes metrics of the function's lines then: look for Deliveries after switching it on."
  type        = any
  default     = null

  validation {
    condition     = length(setsubtract(try(keys(var.function_log), []), ["json"])) == 0
    error_message = "function_log can have these members only: json."
  }
}

variable "tracing" {
  description = "Traces of the function in X-Ray, which cost extra. API Gateway traces no WebSocket APIs."
  type        = bool
  default     = null
}

variable "kms_key_arn" {
  description = "KMS key of yours for the table, the queues, the logs and the function's variables. Its policy must allow the log service to use it. null: AWS's own keys."
  type        = string
  default     = null
}

variable "permissions_boundary" {
  description = "ARN of the policy that bounds the permissions of the roles; null: none."
  type        = string
  default     = null
}

variable "custom_domain" {
  description = "A domain name of your own and the ARN of its ACM certificate, in the region of the API; null: AWS's URL."
  type        = any
  default     = null

  validation {
    condition     = length(setsubtract(try(keys(var.custom_domain), []), ["name", "certificate_arn"])) == 0
    error_message = "custom_domain can have these members only: name, certificate_arn."
  }
}

variable "alarm_topic_arn" {
  description = "SNS topic that is notified when an alarm starts and when it ends; null: the alarms show only in the console."
  type        = string
  default     = null
}

variable "alarm_email" {
  description = "E-mail address that is notified of alarms: the module makes a topic with a subscription, which AWS asks the address to confirm. null: no topic is made."
  type        = string
  default     = null
}

variable "alarm_thresholds" {
  description = "Values at which alarms start. Percentages: errors_percent and throttles_percent of invocations, gateway_percent and refused_percent of connects and messages, undelivered_percent and ghosts_percent of invocations, failed_percent of reported connections, concurrency_percent of the limit. p95 in milliseconds: slow_ms of an event, handshake_ms of a handshake. table_errors: throttled and failed requests of the table in five minutes."
  type        = any
  default     = null

  validation {
    condition     = length(setsubtract(try(keys(var.alarm_thresholds), []), ["errors_percent", "throttles_percent", "gateway_percent", "refused_percent", "undelivered_percent", "ghosts_percent", "failed_percent", "concurrency_percent", "slow_ms", "handshake_ms", "table_errors"])) == 0
    error_message = "alarm_thresholds can have these members only: errors_percent, throttles_percent, gateway_percent, refused_percent, undelivered_percent, ghosts_percent, failed_percent, concurrency_percent, slow_ms, handshake_ms, table_errors."
  }
}

variable "canary" {
  description = "A scheduled function that plays a handshake of two players, every five minutes. enabled: it runs, and its alarm starts when two handshakes in a row fail or do not take place; about USD 1.00 a month."
  type        = any
  default     = null

  validation {
    condition     = length(setsubtract(try(keys(var.canary), []), ["enabled"])) == 0
    error_message = "canary can have these members only: enabled."
  }
}

variable "table_protection" {
  description = "Protection of the table. deletion_protection: AWS refuses to delete it. point_in_time_recovery: it can be restored to any second. Rows expire after two hours, so signaling needs neither."
  type        = any
  default     = null

  validation {
    condition     = length(setsubtract(try(keys(var.table_protection), []), ["deletion_protection", "point_in_time_recovery"])) == 0
    error_message = "table_protection can have these members only: deletion_protection, point_in_time_recovery."
  }
}

variable "access_log" {
  description = "Access log of API Gateway. enabled: write a line per event, for which the account needs a logging role in the region (infrastructure/account). set_account_role: no longer here, must be false."
  type        = any
  default     = null

  validation {
    condition     = length(setsubtract(try(keys(var.access_log), []), ["enabled", "set_account_role"])) == 0
    error_message = "access_log can have these members only: enabled, set_account_role."
  }
}

variable "tags" {
  description = "Tags of every resource, in addition to deployment = name_prefix."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for key in keys(var.tags) : !startswith(lower(key), "aws:") && length(key) >= 1 && length(key) <= 128])
    error_message = "tags must have keys of 1 to 128 characters that do not begin with aws:, which AWS reserves."
  }
}
