# Only players with a ticket of your backend can connect (docs/tickets.md). The parameter is made by
# hand (docs/deploy.md, Join tickets), so that the secret is in no state.

variable "ticket_secret_parameter" {
  description = "Name of the SSM parameter with the secrets of tickets."
  type        = string
  default     = "/poker-signaling/tickets"
}

provider "aws" {
  region = "us-west-2"
}

module "signaling" {
  source = "../../modules/signaling"

  name_prefix             = "poker-tickets"
  ticket_secret_parameter = var.ticket_secret_parameter

  # The canary signs tickets of its own.
  canary = { enabled = true }
}

# Policy for the role of your backend, which signs tickets and so reads the same parameter.
data "aws_caller_identity" "this" {}

data "aws_region" "this" {}

data "aws_iam_policy_document" "backend" {
  statement {
    actions   = ["ssm:GetParameter"]
    resources = ["arn:aws:ssm:${data.aws_region.this.id}:${data.aws_caller_identity.this.account_id}:parameter${var.ticket_secret_parameter}"]
  }
}

resource "aws_iam_policy" "backend" {
  name        = "poker-tickets-backend"
  description = "Reads the secrets of join tickets"
  policy      = data.aws_iam_policy_document.backend.json
}

output "websocket_url" {
  description = "URL that clients connect to, with a ticket."
  value       = module.signaling.websocket_url
}
