"""API Gateway on your machine: sockets in, Lambda events out, effects performed on sockets."""
