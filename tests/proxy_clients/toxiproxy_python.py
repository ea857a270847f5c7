"""Drives a control API with toxiproxy-python; fails where it does not behave.

Arguments: port of the API, address of an upstream that answers each line with the same line.
"""

import socket
import sys
import time

from toxiproxy import Toxiproxy
from toxiproxy.exceptions import InvalidToxic, NotFound, ProxyExists


def echo(listen):
    """How long a line takes there and back, in seconds."""
    host, port = listen.rsplit(":", 1)
    with socket.create_connection((host, int(port)), timeout=10) as stream:
        began = time.monotonic()
        stream.sendall(b"line\n")
        if stream.recv(64) != b"line\n":
            raise ConnectionError("no answer")
        return time.monotonic() - began


def raises(kind, call):
    try:
        call()
    except kind:
        return
    raise AssertionError("%s was not raised" % kind.__name__)


def main():
    port, upstream = int(sys.argv[1]), sys.argv[2]
    server = Toxiproxy()
    server.update_api_consumer("127.0.0.1", port)
    assert server.running() and b"version" in server.version()
    proxy = server.create(upstream=upstream, name="echo")
    assert proxy.enabled and not proxy.listen.endswith(":0")
    raises(ProxyExists, lambda: server.create(upstream=upstream, name="echo"))
    echo(proxy.listen)

    proxy.add_toxic(type="latency", attributes={"latency": 100, "jitter": 0})
    toxic = proxy.get_toxic("latency_downstream")
    assert toxic.attributes["latency"] == 100 and toxic.stream == "downstream" and toxic.toxicity == 1.0
    assert echo(proxy.listen) >= 0.1
    raises(ProxyExists, lambda: proxy.add_toxic(type="latency", attributes={"latency": 1}))
    raises(InvalidToxic, lambda: proxy.add_toxic(type="weather"))
    raises(NotFound, lambda: proxy.destroy_toxic("nothing"))
    proxy.destroy_toxic("latency_downstream")
    assert proxy.toxics() == {}

    proxy.add_toxic(type="reset_peer", stream="upstream", attributes={"timeout": 10})
    raises(OSError, lambda: echo(proxy.listen))
    assert server.reset()
    assert proxy.toxics() == {}
    echo(proxy.listen)

    with proxy.down():
        raises(ConnectionRefusedError, lambda: echo(proxy.listen))
    echo(proxy.listen)
    populated = server.populate([{"name": "other", "upstream": upstream, "listen": "127.0.0.1:0"}])
    assert len(populated) == 1 and sorted(server.proxies()) == ["echo", "other"]
    server.destroy_all()
    assert server.proxies() == {}
    print("toxiproxy-python: every call behaves")


main()
