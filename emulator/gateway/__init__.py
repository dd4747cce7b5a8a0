"""API Gateway: routes events to functions. Knows no poker, no faults, no inspector."""
