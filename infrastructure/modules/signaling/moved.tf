# Alarms on counts became alarms on rates, of the same name.

moved {
  from = aws_cloudwatch_metric_alarm.this["errors"]
  to   = aws_cloudwatch_metric_alarm.rate["errors"]
}

moved {
  from = aws_cloudwatch_metric_alarm.this["gateway"]
  to   = aws_cloudwatch_metric_alarm.rate["gateway"]
}

moved {
  from = aws_cloudwatch_metric_alarm.this["throttles"]
  to   = aws_cloudwatch_metric_alarm.rate["throttles"]
}
