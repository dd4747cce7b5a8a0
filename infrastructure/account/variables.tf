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

variable "role_name" {
  description = "Name of the role; null: api-gateway-logs- and the region. A role that a deployment has made keeps its name."
  type        = string
  default     = null

  validation {
    condition     = var.role_name == null ? true : can(regex("^[A-Za-z0-9+=,.@_-]{1,64}$", var.role_name))
    error_message = "role_name must have 1 to 64 characters: letters, digits and +=,.@_-"
  }
}

variable "permissions_boundary" {
  description = "ARN of the policy that bounds the permissions of the role; null: none."
  type        = string
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
