resource "aws_dynamodb_table" "this" {
  name         = "${var.name_prefix}-connections"
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "connectionId"
  tags         = var.tags

  deletion_protection_enabled = var.table_protection.deletion_protection

  attribute {
    name = "connectionId"
    type = "S"
  }

  attribute {
    name = "gameId"
    type = "S"
  }

  global_secondary_index {
    name            = "gameId-index"
    hash_key        = "gameId"
    projection_type = "ALL"
  }

  # DynamoDB deletes expired rows within days, not at the second. The function ignores them, so
  # the expiry only keeps the table small.
  ttl {
    attribute_name = "ttl"
    enabled        = true
  }

  point_in_time_recovery {
    enabled = var.table_protection.point_in_time_recovery
  }
}
