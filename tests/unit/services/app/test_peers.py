"""Whose connection it is, by the kernel's table of them."""

from __future__ import annotations

import socket
import sys

import pytest

from services.app.peers import is_other_user, owner_in

#: The ends of two connections as a little-endian machine writes them; both ends of the first are in the table.
_TABLE = """  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:2135 0100007F:9C40 01 00000000:00000000 00:00000000 00000000     0        0 15843 1 0 100 0 0 10 0
   1: 0100007F:9C40 0100007F:2135 01 00000000:00000000 00:00000000 00000000  1001        0 15844 1 0 100 0 0 10 0
   2: 00000000000000000000000001000000:9C41 00000000000000000000000001000000:2135 01 0:0 00:0 0  1002  0 1 1 0 1 0 0 10
""".splitlines()
_SERVER = ("127.0.0.1", 8501)


@pytest.mark.skipif(sys.byteorder != "little", reason="the table is that of a little-endian machine")
def test_the_clients_end_has_the_owner() -> None:
    assert owner_in(_TABLE, ("127.0.0.1", 40_000), _SERVER) == 1001
    assert owner_in(_TABLE, ("::1", 40_001), ("::1", 8501)) == 1002
    assert owner_in(_TABLE, ("127.0.0.1", 40_009), _SERVER) is None


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells whose a connection is")
def test_a_connection_of_another_user_is_told_from_ones_own(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        ends = client.getsockname(), server.getsockname()
        assert not is_other_user(*ends)
        monkeypatch.setattr("services.app.peers._ROOT", -1)
        monkeypatch.setattr("os.geteuid", lambda: 4_000_000)
        assert is_other_user(*ends)
