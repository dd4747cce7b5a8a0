"""Bots as processes: a host, and several players."""

import signal

import pytest

from tests.support.process import emulate, play, start, until

pytestmark = pytest.mark.process


def test_a_host_and_players_open_their_channels(url: str) -> None:
    """Both sides receive data channel messages; SIGINT and SIGTERM end a bot with exit code 0."""
    with start("bot", url, "--player", "HOST", "--game", "G1", "--say", "welcome") as host:
        assert until(host, "connected")["player"] == "HOST"
        with start("bot", url, "--game", "G1", "--count", "3", "--say", "hello") as players:
            said = [until(host, "channel-message") for _ in range(3)]
            heard = [until(players, "channel-message") for _ in range(3)]
            players.send_signal(signal.SIGINT)
            assert players.wait(20) == 0
        host.send_signal(signal.SIGTERM)
        assert host.wait(20) == 0
    assert sorted(told["other"] for told in said) == ["Bot 1", "Bot 2", "Bot 3"]
    assert sorted(told["player"] for told in heard) == ["Bot 1", "Bot 2", "Bot 3"]
    assert {told["text"] for told in said} == {"hello"}
    assert {(told["other"], told["text"]) for told in heard} == {("HOST", "welcome")}


def test_a_player_finds_a_host_that_comes_later_and_one_that_comes_back(url: str) -> None:
    """A player that is there first joins each HOST of its game; HOST is told who leaves."""
    with start("bot", url, "--game", "G5", "--player", "Zoë") as player:
        assert "HOST_NOT_FOUND" in until(player, "channel-problem")["text"]
        for _ in range(2):
            with start("bot", url, "--player", "HOST", "--game", "G5") as host:
                assert until(player, "channel-open")["other"] == "HOST"
                assert until(host, "channel-open")["other"] == "Zoë"
                host.send_signal(signal.SIGTERM)
                assert host.wait(20) == 0
            assert until(player, "channel-closed")["other"] == "HOST"


def test_a_peer_that_answers_is_a_bot_with_a_keyboard(url: str) -> None:
    """With `--answer`, `peer` opens data channels as a bot does and prints its frames as well."""
    with start("peer", url, "--player", "HOST", "--game", "G2", "--answer") as host:
        until(host, "connected")
        with start("bot", url, "--game", "G2", "--player", "Zoë") as player:
            opened = until(player, "channel-open")
            assert until(host, "frame")["frame"]["type"] == "welcome"
            assert until(host, "frame")["frame"]["type"] == "join"
            assert until(host, "channel-open")["other"] == "Zoë"
            player.send_signal(signal.SIGTERM)
        host.send_signal(signal.SIGTERM)
        assert host.wait(20) == 0
    assert (opened["player"], opened["other"]) == ("Zoë", "HOST")


def test_closed_by_the_server_is_3() -> None:
    """When the server closes a connection, all players end and the exit code is 3."""
    with emulate("--port", "0", "--max-duration", "2") as (_, line):
        code, told, _ = play("bot", line.strip(), "--game", "G3", "--count", "2")
    assert code == 3
    assert told[-1]["event"] == "closed"
    assert (told[-1]["by"], told[-1]["code"]) == ("the server", 1001)


def test_a_reader_who_leaves_ends_it(url: str) -> None:
    """A closed stdout ends the bot at its next event, with exit code 1 and no message."""
    with start("bot", url, "--player", "HOST", "--game", "G4") as host:
        assert host.stdout is not None
        assert host.stderr is not None
        until(host, "connected")
        host.stdout.close()
        with start("bot", url, "--game", "G4") as player:
            try:
                assert host.wait(20) == 1
            finally:
                host.kill()
                player.kill()
        assert host.stderr.read() == ""
