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
  limits                  = var.limits
  later                   = var.later
  log_retention_days      = var.log_retention_days
  throttling              = var.throttling
  custom_domain           = var.custom_domain
  alarm_topic_arn         = var.alarm_topic_arn
  table_protection        = var.table_protection
  access_log              = var.access_log
}
