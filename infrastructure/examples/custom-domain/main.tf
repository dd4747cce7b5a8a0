# A name of your own: wss://signal.example.com, with its record in Route 53.

variable "domain" {
  description = "The name."
  type        = string
  default     = "signal.example.com"
}

variable "certificate_arn" {
  description = "ARN of the name's certificate in ACM, in the region of the API."
  type        = string
}

variable "zone_id" {
  description = "Hosted zone of Route 53 in which the record is made."
  type        = string
}

provider "aws" {
  region = "us-west-2"
}

module "signaling" {
  source = "../../modules/signaling"

  name_prefix   = "poker-domain"
  custom_domain = { name = var.domain, certificate_arn = var.certificate_arn }
}

resource "aws_route53_record" "this" {
  zone_id = var.zone_id
  name    = var.domain
  type    = "A"

  alias {
    name                   = module.signaling.custom_domain_target
    zone_id                = module.signaling.custom_domain_hosted_zone_id
    evaluate_target_health = false
  }
}

output "websocket_url" {
  description = "URL that clients connect to."
  value       = module.signaling.websocket_url
}
