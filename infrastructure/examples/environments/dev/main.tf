# Development, beside production in the same account.

terraform {
  backend "s3" {
    bucket       = "my-states"
    key          = "poker-signaling/dev.tfstate"
    region       = "us-west-2"
    encrypt      = true
    use_lockfile = true
  }
}

provider "aws" {
  region = "us-west-2"

  default_tags {
    tags = { deployment = "poker-dev" }
  }
}

module "signaling" {
  source = "../../../modules/signaling"

  name_prefix = "poker-dev"
  stage       = "dev"

  # Low limits: a client that is being written misbehaves.
  throttling         = { rate_limit = 20, burst_limit = 200 }
  access_log         = { enabled = true }
  log_retention_days = 1
}

output "websocket_url" {
  description = "URL that clients connect to."
  value       = module.signaling.websocket_url
}
