#!/usr/bin/env python3
"""The measuring part of tests/bench/stall, which starts the database and the network around it."""
# SPDX-License-Identifier: MIT
import argparse
import os
import shutil
import socket
import tempfile
import threading
import time

import benchlib
from benchlib import median, table

GATE = 3307        # where the servers find the database
NAMES = ("127.0.0.53", 53)
SLOW_RATE = 20     # requests a second that need what says nothing


class Gate:
    """Passes connections on to the database until it is shut: then nothing passes any more, and new
    connections are taken without a word."""

    def __init__(self, port):
        self.port, self.shut = port, threading.Event()
        self.listener = socket.create_server(("127.0.0.1", GATE))
        threading.Thread(target=self.accept, daemon=True).start()
        self.kept = []

    def accept(self):
        while True:
            client = self.listener.accept()[0]
            self.kept.append(client)
            if self.shut.is_set():
                continue
            server = socket.create_connection(("127.0.0.1", self.port))
            self.kept.append(server)
            for a, b in ((client, server), (server, client)):
                threading.Thread(target=self.pump, args=(a, b), daemon=True).start()

    def pump(self, a, b):
        try:
            while True:
                data = a.recv(65536)
                if not data:
                    b.shutdown(socket.SHUT_WR)
                    return
                if self.shut.is_set():
                    continue
                b.sendall(data)
        except OSError:
            pass


def silent_name_server():
    """Takes questions and answers none."""
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind(NAMES)

    def swallow():
        while True:
            s.recvfrom(4096)
    threading.Thread(target=swallow, daemon=True).start()
    return s


class Slow:
    """Sends requests that need what says nothing, SLOW_RATE a second, until stopped."""

    def __init__(self, port, user, method="OPTIONS"):
        self.port, self.user, self.method = port, user, method
        self.end = threading.Event()
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.bind(("127.0.0.1", 0))
        me = "127.0.0.1:%d" % s.getsockname()[1]
        n = 0
        while not self.end.wait(1 / SLOW_RATE):
            n += 1
            s.sendto((
                "%s sip:%s@127.0.0.1:%d SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bKslow%d\r\n"
                "Max-Forwards: 70\r\nFrom: <sip:slow@127.0.0.1>;tag=%d\r\nTo: <sip:%s@127.0.0.1>\r\n"
                "Call-ID: slow-%d-%d@127.0.0.1\r\nCSeq: 1 %s\r\nContent-Length: 0\r\n\r\n"
                % (self.method, self.user, self.port, me, n, n, self.user, os.getpid(), n,
                   self.method)).encode(), ("127.0.0.1", self.port))

    def stop(self):
        self.end.set()
        self.thread.join()


def one(server, options, slow_user):
    slow = Slow(server.port, slow_user) if slow_user else None
    if slow:
        time.sleep(2.5)  # let it bite
    try:
        return benchlib.load(options.build, server.port, "--rate", options.rate, "--calls",
                             options.rate * options.seconds)[0]
    finally:
        if slow:
            slow.stop()


def measure(start, options, shut):
    """Rows of: nothing wrong, database silent, name server silent; each with a server of its own, as
    one that has stopped does not recover at once."""
    rows = {}
    for trouble, user in (("none", None), ("database", "needs-database"), ("names", "needs-dns")):
        shut.clear()
        server = start()
        if trouble == "database":
            shut.set()
        rows[trouble] = one(server, options, user)
        server.stop()
    shut.clear()
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", required=True)
    parser.add_argument("--database", type=int, required=True)
    parser.add_argument("--rate", type=int, default=500)
    parser.add_argument("--seconds", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    work = tempfile.mkdtemp(prefix="signalbox-stall-")
    gate, names = Gate(options.database), silent_name_server()
    servers = {
        "signalbox": lambda: benchlib.start_signalbox(options.build, "stall", work),
        "kamailio": lambda: benchlib.start_kamailio("stall", work, workers=8)}
    rounds = {name: [] for name in servers}
    for _ in range(options.rounds):
        for name, start in servers.items():
            rounds[name].append(measure(start, options, gate.shut))
    head = ["", "trouble", "calls/s done", "failed", "p50 ms", "p99 ms", "p99.9 ms"]
    out = []
    for name in servers:
        for trouble in ("none", "database", "names"):
            rows = [r[trouble] for r in rounds[name]]
            done = (median(rows, "calls") - median(rows, "failed")) / options.seconds
            out.append([name, trouble, "%.1f" % done, "%d" % median(rows, "failed")] +
                       ["%.2f" % median(rows, k) for k in ("p50_ms", "p99_ms", "p999_ms")])
    print("%d calls/s that need nothing, beside %d requests/s that need what says nothing; medians of "
          "%d rounds; %s" % (options.rate, SLOW_RATE, options.rounds, benchlib.machine()))
    print(table(head, out))
    names.close()
    shutil.rmtree(work)


if __name__ == "__main__":
    main()
