# The inputs of modules/signaling, which has their defaults and refuses wrong values. null: the default.

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
  description = "Name of the SSM parameter with the secrets of join tickets. The function may read this parameter and nothing else of SSM. null: no ticket is required."
  type        = string
  default     = null
}

variable "limits" {
  description = "Limits of the function. seats: players of a game besides HOST, 0: no limit. message_rate: messages per second of one connection, 0: no limit. message_burst: messages of one connection at once. max_payload_bytes: the largest payload. allowed_origins: web pages that may connect, empty: all."
  type        = any
  default     = null
}

variable "later" {
  description = "Work that is due later, by a queue. enabled: joins are watched until they end, and the connection of a HOST that waits for players is kept open. auto_join: a join that never came is delivered in the player's name. maximum_concurrency: executions of the function at once for the queue."
  type        = any
  default     = null
}

variable "log_retention_days" {
  description = "Days for which both logs are kept."
  type        = number
  default     = null
}

variable "throttling" {
  description = "Throttling. rate_limit: events per second that the stage accepts. burst_limit: events at once. reserved_concurrency: concurrent executions of the account that are reserved for the function, which are also its maximum; null: none reserved."
  type        = any
  default     = null
}

variable "custom_domain" {
  description = "A domain name of your own and the ARN of its ACM certificate, in the region of the API; null: AWS's URL."
  type        = any
  default     = null
}

variable "alarm_topic_arn" {
  description = "SNS topic that is notified when an alarm starts and when it ends; null: the alarms show only in the console."
  type        = string
  default     = null
}

variable "table_protection" {
  description = "Protection of the table. deletion_protection: AWS refuses to delete it. point_in_time_recovery: it can be restored to any second. Rows expire after two hours, so signaling needs neither."
  type        = any
  default     = null
}

variable "access_log" {
  description = "Access log of API Gateway. enabled: write a line per event, for which the account needs a logging role in the region. set_account_role: create this role and set it for the whole account and region; destroy removes it again."
  type        = any
  default     = null
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
