"""Local API Gateway: WebSockets in, Lambda events out, effects performed on WebSockets."""
