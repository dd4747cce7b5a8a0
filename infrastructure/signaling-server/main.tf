provider "aws" {
  region = var.region

  default_tags {
    tags = merge({ deployment = var.name_prefix }, var.tags)
  }
}

module "signaling" {
  source = "../modules/signaling"

  name_prefix             = var.name_prefix
  stage                   = var.stage
  topology                = var.topology
  ticket_secret_parameter = var.ticket_secret_parameter
  ice_parameter           = var.ice_parameter
  limits                  = var.limits
  later                   = var.later
  log_retention_days      = var.log_retention_days
  throttling              = var.throttling
  account_concurrency     = var.account_concurrency
  lambda_zip              = var.lambda_zip
  commit                  = var.commit
  live_version            = var.live_version
  function_log            = var.function_log
  tracing                 = var.tracing
  kms_key_arn             = var.kms_key_arn
  permissions_boundary    = var.permissions_boundary
  custom_domain           = var.custom_domain
  alarm_topic_arn         = var.alarm_topic_arn
  alarm_email             = var.alarm_email
  alarm_thresholds        = var.alarm_thresholds
  canary                  = var.canary
  table_protection        = var.table_protection
  access_log              = var.access_log
}
