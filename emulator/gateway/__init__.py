"""API Gateway: routes events to functions. Imports no rules, no faults and no inspector."""
