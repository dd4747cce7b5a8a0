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

  # All attributes: without `reached`, a candidate would need one more read, which costs what the
  # smaller writes save (docs/scale.md), and the change would leave a deployment without its index
  # for minutes.
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

  # Without a key of yours, AWS encrypts with a key of its own.
  dynamic "server_side_encryption" {
    for_each = var.kms_key_arn == null ? [] : [var.kms_key_arn]

    content {
      enabled     = true
      kms_key_arn = server_side_encryption.value
    }
  }

  point_in_time_recovery {
    enabled = var.table_protection.point_in_time_recovery
  }
}
