# Production. Its own folder, state and settings: nothing of dev can reach it.

terraform {
  backend "s3" {
    bucket       = "my-states"
    key          = "poker-signaling/prod.tfstate"
    region       = "us-west-2"
    encrypt      = true
    use_lockfile = true
  }
}

provider "aws" {
  region = "us-west-2"

  default_tags {
    tags = { deployment = "poker-signaling" }
  }
}

module "signaling" {
  source = "../../../modules/signaling"

  # The pipeline makes the zip once (make lambda.zip), plans with it and applies that plan.
  lambda_zip   = var.lambda_zip
  commit       = var.commit
  live_version = var.live_version

  limits = { allowed_origins = ["https://poker.example.com"] }

  # infrastructure/account sets the role that this log needs, once per account and region.
  access_log = { enabled = true }

  alarm_email = "on-call@example.com"
  canary      = { enabled = true }

  # Of a new account Lambda accepts no reservation, and raises the quota on request.
  account_concurrency = 1000
}
