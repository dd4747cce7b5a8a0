"""The rules of signaling as transcripts, on every host."""

import pytest

pytest.register_assert_rewrite("tests.signaling.transcripts")
