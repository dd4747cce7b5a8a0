# As tickets, and clients get ICE servers with credentials of your TURN server (docs/ice.md). Without
# tickets a stranger would get a free relay, so credentials need them. Both parameters are made by hand,
# so that no secret is in a state.

variable "ticket_secret_parameter" {
  description = "Name of the SSM parameter with the secrets of tickets."
  type        = string
  default     = "/poker-signaling/tickets"
}

variable "ice_parameter" {
  description = "Name of the SSM parameter with the configuration of ICE servers: STUN, and coturn, Cloudflare or Twilio."
  type        = string
  default     = "/poker-signaling/ice"
}

provider "aws" {
  region = "us-west-2"
}

module "signaling" {
  source = "../../modules/signaling"

  name_prefix             = "poker-turn"
  ticket_secret_parameter = var.ticket_secret_parameter
  ice_parameter           = var.ice_parameter

  # Clients report whether their peers met. A TURN server that is down shows in the alarm `failed`.
  alarm_thresholds = { failed_percent = 10 }
}

output "websocket_url" {
  description = "URL that clients connect to, with a ticket."
  value       = module.signaling.websocket_url
}
