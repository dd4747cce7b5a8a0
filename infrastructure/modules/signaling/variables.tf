variable "name_prefix" {
  description = "Prefix of every resource name. A second deployment in the same account needs another prefix."
  type        = string
  default     = "poker-signaling"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,38}[a-z0-9]$", var.name_prefix))
    error_message = "name_prefix must have 3 to 40 characters: lower-case letters, digits and hyphens, a letter first and no hyphen last."
  }
}

variable "stage" {
  description = "Name of the stage, the last part of the URL."
  type        = string
  default     = "prod"
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{1,64}$", var.stage))
    error_message = "stage must have 1 to 64 characters: letters, digits, hyphens and underscores."
  }
}

variable "topology" {
  description = "Topology of a game: mesh, all players may address each other; star, players may address only HOST, and only HOST sends offers."
  type        = string
  default     = "mesh"
  nullable    = false

  validation {
    condition     = contains(["mesh", "star"], var.topology)
    error_message = "topology must be mesh or star."
  }
}

variable "ticket_secret_parameter" {
  description = "Name of the SSM parameter with the secrets of join tickets. The function may read this parameter. null: no ticket is required."
  type        = string
  default     = null

  validation {
    # A name, not an ARN: the role gets access to the parameter of this name in this account and region.
    condition     = var.ticket_secret_parameter == null ? true : can(regex("^(/[A-Za-z0-9_.-]+)+$|^[A-Za-z0-9_.-]+$", var.ticket_secret_parameter)) && length(var.ticket_secret_parameter) <= 1000
    error_message = "ticket_secret_parameter must be the name of an SSM parameter of this account and region, such as /poker-signaling/tickets: letters, digits, '.', '_' and '-'. A name with a '/' in it must also begin with '/'."
  }
}

variable "ice_parameter" {
  description = "Name of the SSM parameter with the configuration of ICE servers (docs/ice.md). The function may read this parameter. null: clients get no ICE servers."
  type        = string
  default     = null

  validation {
    condition     = var.ice_parameter == null ? true : can(regex("^(/[A-Za-z0-9_.-]+)+$|^[A-Za-z0-9_.-]+$", var.ice_parameter)) && length(var.ice_parameter) <= 1000
    error_message = "ice_parameter must be the name of an SSM parameter of this account and region, such as /poker-signaling/ice: letters, digits, '.', '_' and '-'. A name with a '/' in it must also begin with '/'."
  }
}

variable "limits" {
  description = "Limits of the function. seats: players of a game besides HOST, 0: no limit. message_rate: messages per second of one connection, 0: no limit. message_burst: messages of one connection at once. max_payload_bytes: the largest payload. allowed_origins: web pages that may connect, empty: all."
  type = object({
    seats             = optional(number, 24)
    message_rate      = optional(number, 100)
    message_burst     = optional(number, 2500)
    max_payload_bytes = optional(number, 65536)
    allowed_origins   = optional(list(string), [])
  })
  default  = {}
  nullable = false

  validation {
    condition     = var.limits.seats >= 0 && var.limits.seats <= 1000 && floor(var.limits.seats) == var.limits.seats
    error_message = "limits.seats must be a whole number from 0 to 1000; 0: no limit."
  }

  validation {
    condition     = var.limits.message_rate >= 0 && var.limits.message_rate <= 1000000 && var.limits.message_burst >= 1 && var.limits.message_burst <= 1000000 && floor(var.limits.message_burst) == var.limits.message_burst
    error_message = "limits must have a message_rate from 0 (no limit) to 1000000 and a whole message_burst from 1 to 1000000."
  }

  validation {
    # API Gateway posts at most 131072 bytes.
    condition     = var.limits.max_payload_bytes >= 1 && var.limits.max_payload_bytes <= 131072 && floor(var.limits.max_payload_bytes) == var.limits.max_payload_bytes
    error_message = "limits.max_payload_bytes must be a whole number from 1 to 131072."
  }

  validation {
    condition     = alltrue([for origin in var.limits.allowed_origins : can(regex("^(null|[a-z][a-z0-9+.-]*://[a-z0-9._\\[\\]:-]+)$", origin))])
    error_message = "limits.allowed_origins must be origins as browsers send them, scheme://host or scheme://host:port in lower case, without a path or a wildcard, such as https://poker.example.com."
  }
}

variable "later" {
  description = "Work that is due later, by a queue. enabled: joins are watched until they end, and the connection of a HOST that waits for players is kept open. auto_join: a join that never came is delivered in the player's name. maximum_concurrency: executions of the function at once for the queue."
  type = object({
    enabled             = optional(bool, true)
    auto_join           = optional(bool, false)
    maximum_concurrency = optional(number, 4)
  })
  default  = {}
  nullable = false

  validation {
    # The least that Lambda accepts is 2. More than 10 would compete with the messages of players.
    condition     = var.later.maximum_concurrency >= 2 && var.later.maximum_concurrency <= 10 && floor(var.later.maximum_concurrency) == var.later.maximum_concurrency
    error_message = "later.maximum_concurrency must be a whole number from 2 to 10."
  }

  validation {
    condition     = var.later.enabled || !var.later.auto_join
    error_message = "later.auto_join needs later.enabled: a join is delivered in a player's name by a note of the queue."
  }
}

variable "log_retention_days" {
  description = "Days for which the logs are kept."
  type        = number
  default     = 7
  nullable    = false

  validation {
    # The values of CloudWatch Logs, without 0, which means for ever.
    condition = contains(
      [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653],
      var.log_retention_days,
    )
    error_message = "log_retention_days must be a number of days that CloudWatch Logs accepts, such as 1, 3, 5, 7, 14, 30, 60, 90, 180 or 365."
  }
}

variable "throttling" {
  description = "Throttling. rate_limit: events per second that the stage accepts, the limit of what a misbehaving client can cost. burst_limit: events at once. reserved_concurrency: concurrent executions of the account that are reserved for the function, which are also its maximum; null: none reserved, because a new account has none to reserve."
  type = object({
    rate_limit           = optional(number, 100)
    burst_limit          = optional(number, 1000)
    reserved_concurrency = optional(number)
  })
  default  = {}
  nullable = false

  validation {
    # A limit of 0 answers every handshake with 429.
    condition     = var.throttling.rate_limit >= 1 && var.throttling.burst_limit >= 1 && var.throttling.burst_limit <= 5000 && floor(var.throttling.burst_limit) == var.throttling.burst_limit
    error_message = "throttling must have a rate_limit of at least 1 and a whole burst_limit from 1 to 5000: a limit of 0 refuses every connection."
  }

  validation {
    condition     = var.throttling.reserved_concurrency == null ? true : var.throttling.reserved_concurrency >= 1 && floor(var.throttling.reserved_concurrency) == var.throttling.reserved_concurrency
    error_message = "throttling.reserved_concurrency must be a whole number of at least 1: with 0 the function never runs."
  }
}

variable "account_concurrency" {
  description = "Quota of concurrent executions of the account in the region. AWS gives a new account 10, and 1000 on request. The alarm on concurrency and the check of reserved_concurrency use it."
  type        = number
  default     = 1000
  nullable    = false

  validation {
    condition     = var.account_concurrency >= 1 && floor(var.account_concurrency) == var.account_concurrency
    error_message = "account_concurrency must be a whole number of at least 1: aws lambda get-account-settings prints it."
  }
}

variable "lambda_zip" {
  description = "Path of the zip that `make lambda.zip` makes, for pipelines that plan and apply on different machines. null: the plan makes a zip of its own."
  type        = string
  default     = null

  validation {
    condition     = var.lambda_zip == null ? true : fileexists(var.lambda_zip)
    error_message = "lambda_zip must be the path of a file, relative to the folder of tofu. In the root of the repository, `make lambda.zip` makes build/lambda.zip."
  }
}

variable "commit" {
  description = "The commit that is deployed. Its first 12 digits are in the description of the function's version and in every line of the log. null: in neither."
  type        = string
  default     = null

  validation {
    condition     = var.commit == null ? true : can(regex("^[0-9a-f]{7,64}$", var.commit))
    error_message = "commit must be 7 to 64 hex digits, as git rev-parse HEAD prints them."
  }
}

variable "live_version" {
  description = "Version of the function that serves, for a rollback of code and settings. null: the newest."
  type        = string
  default     = null

  validation {
    condition     = var.live_version == null ? true : can(regex("^[1-9][0-9]*$", var.live_version))
    error_message = "live_version must be the number of a published version: aws lambda list-versions-by-function lists them."
  }
}

variable "function_log" {
  description = "Log of the function. json: Lambda's own format is JSON without its lines START, END and REPORT, a third of the log. Off by default, because it is not known whether CloudWatch still makes metrics of the function's lines then: look for Deliveries after switching it on."
  type = object({
    json = optional(bool, false)
  })
  default  = {}
  nullable = false
}

variable "tracing" {
  description = "Traces of the function in X-Ray, which cost extra. API Gateway traces no WebSocket APIs."
  type        = bool
  default     = false
  nullable    = false
}

variable "kms_key_arn" {
  description = "KMS key of yours for the table, the queues, the logs and the function's variables. Its policy must allow the log service to use it. null: AWS's own keys."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_arn == null ? true : can(regex("^arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+$", var.kms_key_arn))
    error_message = "kms_key_arn must be the ARN of a key: arn:aws:kms:REGION:ACCOUNT:key/ID."
  }
}

variable "permissions_boundary" {
  description = "ARN of the policy that bounds the permissions of the roles; null: none."
  type        = string
  default     = null

  validation {
    condition     = var.permissions_boundary == null ? true : can(regex("^arn:aws[a-z-]*:iam::([0-9]{12}|aws):policy/.+$", var.permissions_boundary))
    error_message = "permissions_boundary must be the ARN of a policy: arn:aws:iam::ACCOUNT:policy/NAME."
  }
}

variable "custom_domain" {
  description = "A domain name of your own and the ARN of its ACM certificate, in the region of the API; null: AWS's URL."
  type = object({
    name            = optional(string)
    certificate_arn = optional(string)
  })
  default = null

  validation {
    condition     = var.custom_domain == null ? true : var.custom_domain.name != null && var.custom_domain.certificate_arn != null
    error_message = "custom_domain needs both a name and a certificate_arn: API Gateway serves no domain without a certificate."
  }

  validation {
    condition     = try(var.custom_domain.name, null) == null ? true : can(regex("^([a-z0-9]([a-z0-9-]*[a-z0-9])?\\.)+[a-z]{2,}$", var.custom_domain.name))
    error_message = "custom_domain.name must be a domain name in lower case without scheme or path, such as signal.example.com."
  }

  validation {
    condition     = try(var.custom_domain.certificate_arn, null) == null ? true : can(regex("^arn:aws[a-z-]*:acm:[a-z0-9-]+:[0-9]{12}:certificate/.+$", var.custom_domain.certificate_arn))
    error_message = "custom_domain.certificate_arn must be the ARN of an ACM certificate: arn:aws:acm:REGION:ACCOUNT:certificate/ID."
  }
}

variable "alarm_topic_arn" {
  description = "SNS topic that is notified when an alarm starts and when it ends; null: the alarms show only in the console."
  type        = string
  default     = null

  validation {
    condition     = var.alarm_topic_arn == null ? true : can(regex("^arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]+$", var.alarm_topic_arn))
    error_message = "alarm_topic_arn must be the ARN of an SNS topic: arn:aws:sns:REGION:ACCOUNT:NAME."
  }
}

variable "alarm_email" {
  description = "E-mail address that is notified of alarms: the module makes a topic with a subscription, which AWS asks the address to confirm. null: no topic is made."
  type        = string
  default     = null

  validation {
    condition     = var.alarm_email == null ? true : can(regex("^[^@[:space:]]+@[^@[:space:]]+\\.[^@[:space:]]+$", var.alarm_email))
    error_message = "alarm_email must be an e-mail address, such as on-call@example.com."
  }
}

variable "alarm_thresholds" {
  description = "Values at which alarms start. Percentages: errors_percent and throttles_percent of invocations, gateway_percent and refused_percent of connects and messages, undelivered_percent and ghosts_percent of invocations, failed_percent of reported connections, concurrency_percent of the limit. p95 in milliseconds: slow_ms of an event, handshake_ms of a handshake. table_errors: throttled and failed requests of the table in five minutes."
  type = object({
    errors_percent      = optional(number, 1)
    throttles_percent   = optional(number, 1)
    gateway_percent     = optional(number, 1)
    refused_percent     = optional(number, 1)
    undelivered_percent = optional(number, 20)
    ghosts_percent      = optional(number, 20)
    failed_percent      = optional(number, 20)
    concurrency_percent = optional(number, 80)
    slow_ms             = optional(number, 2000)
    handshake_ms        = optional(number, 3000)
    table_errors        = optional(number, 3)
  })
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for name, value in var.alarm_thresholds : value > 0 && (!endswith(name, "_percent") || value <= 100)])
    error_message = "alarm_thresholds must be greater than 0, and percentages at most 100: an alarm at 0 never ends."
  }
}

variable "canary" {
  description = "A scheduled function that plays a handshake of two players, every five minutes. enabled: it runs, and its alarm starts when two handshakes in a row fail or do not take place; about USD 1.00 a month."
  type = object({
    enabled = optional(bool, false)
  })
  default  = {}
  nullable = false
}

variable "table_protection" {
  description = "Protection of the table. deletion_protection: AWS refuses to delete it. point_in_time_recovery: it can be restored to any second. Rows expire after two hours, so signaling needs neither."
  type = object({
    deletion_protection    = optional(bool, false)
    point_in_time_recovery = optional(bool, false)
  })
  default  = {}
  nullable = false
}

variable "access_log" {
  description = "Access log of API Gateway. enabled: write a line per event, for which the account needs a logging role in the region (infrastructure/account). set_account_role: no longer here, must be false."
  type = object({
    enabled          = optional(bool, false)
    set_account_role = optional(bool, false)
  })
  default  = {}
  nullable = false

  validation {
    condition     = !var.access_log.set_account_role
    error_message = "access_log.set_account_role is no longer part of a deployment, because destroying one took the logs of all others away. Apply infrastructure/account once per account and region instead; docs/deploy.md, Upgrade, moves a role that a deployment has set."
  }
}

variable "tags" {
  description = "Tags of every resource."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for key in keys(var.tags) : !startswith(lower(key), "aws:") && length(key) >= 1 && length(key) <= 128])
    error_message = "tags must have keys of 1 to 128 characters that do not begin with aws:, which AWS reserves."
  }
}
