variable "lambda_zip" {
  description = "Path of the zip that make lambda.zip makes; null: the plan makes one."
  type        = string
  default     = null
}

variable "commit" {
  description = "The commit that is deployed."
  type        = string
  default     = null
}

variable "live_version" {
  description = "Version of the function that serves, for a rollback; null: the newest."
  type        = string
  default     = null
}

output "websocket_url" {
  description = "URL that clients connect to."
  value       = module.signaling.websocket_url
}
