"""Data formats and rules of AWS, without sockets: events, ids, answers, policies, throttling."""
