"""The queue of what is due later: SQS brings a note back to the same function after its delay."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from poker_signal.core import later
from poker_signal.core.model import Later, Note
from poker_signal.lambda_app.clients import sqs_client

SOURCE = "aws:sqs"

MAX_DELAY_S = 900
"""Longest ``DelaySeconds`` of SQS."""


class QueueRecord(NamedTuple):
    """A message of the queue."""

    id: str
    """``messageId``, with which a failure is reported."""
    note: Note | None
    """None: the message is not one of ours, and is dropped."""
    endpoint: str
    """Endpoint of ``@connections`` of the invocation that sent it."""


class LaterQueue:
    """Sends notes to an SQS queue. The client is made with the first of them.

    That is after the post that the note follows: an offer never waits for it.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._client: Any = None

    def send(self, effect: Later, endpoint: str) -> None:
        """Send a note that comes back after its seconds.

        Raises:
            ClientError, BotoCoreError: the queue did not take it.
        """
        if self._client is None:
            self._client = sqs_client()
        body = {"endpoint": endpoint, "note": json.loads(later.text_of(effect.note))}
        self._client.send_message(
            QueueUrl=self._url,
            DelaySeconds=min(round(effect.seconds), MAX_DELAY_S),
            MessageBody=json.dumps(body, separators=(",", ":")),
        )


def is_batch(event: Mapping[str, Any]) -> bool:
    """Return whether an event is a batch of the queue."""
    records = event.get("Records") if isinstance(event, Mapping) else None
    return (
        isinstance(records, list)
        and bool(records)
        and all(isinstance(each, Mapping) and each.get("eventSource") == SOURCE for each in records)
    )


def records_of(event: Mapping[str, Any]) -> Iterator[QueueRecord]:
    """Yield the messages of a batch."""
    for each in event["Records"]:
        try:
            body = json.loads(each["body"])
            note, endpoint = later.note_of(body["note"]), body["endpoint"]
        except (ValueError, KeyError, TypeError, RecursionError):
            note, endpoint = None, None
        if not isinstance(endpoint, str):
            note, endpoint = None, ""
        yield QueueRecord(str(each.get("messageId")), note, endpoint)
