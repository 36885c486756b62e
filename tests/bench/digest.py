#!/usr/bin/env python3
"""The measuring part of tests/bench/digest, which starts the database around it."""
# SPDX-License-Identifier: MIT
import argparse
import hashlib
import os
import re
import shutil
import socket
import sys
import tempfile

import benchlib
from benchlib import median, spread, table

CHALLENGE = re.compile(rb'WWW-Authenticate:.*?realm="([^"]*)".*?nonce="([^"]*)"')


def md5(text):
    return hashlib.md5(text.encode()).hexdigest()


class Phones:
    """Registers one user after the other; a few at a time, so that the server is not idle between."""

    def __init__(self, port, window):
        self.port, self.window = port, window
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.settimeout(3)
        self.me = "127.0.0.1:%d" % self.socket.getsockname()[1]

    def send(self, n, user, cseq, credentials=""):
        self.socket.sendto((
            "REGISTER sip:127.0.0.1:%d SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bK%d.%d\r\n"
            "Max-Forwards: 70\r\nFrom: <sip:u%d@127.0.0.1>;tag=%d\r\nTo: <sip:u%d@127.0.0.1>\r\n"
            "Call-ID: d%d@127.0.0.1\r\nCSeq: %d REGISTER\r\nContact: <sip:u%d@%s>;expires=600\r\n%s"
            "Content-Length: 0\r\n\r\n"
            % (self.port, self.me, n, cseq, user, n, user, n, cseq, user, self.me, credentials)
        ).encode(), ("127.0.0.1", self.port))

    def answer(self, data):
        """Whether the registration is done, and the credentials to send if not."""
        n = int(re.search(rb"Call-ID: d(\d+)@", data).group(1))
        if data.startswith(b"SIP/2.0 200"):
            return n, True
        if not data.startswith(b"SIP/2.0 401"):
            sys.exit("digest: " + data.split(b"\r\n")[0].decode())
        realm, nonce = (x.decode() for x in CHALLENGE.search(data).groups())
        user, uri = n % self.users, "sip:127.0.0.1"
        name, password = "u%d" % user, "p%d" % user
        response = md5("%s:%s:%s" % (md5("%s:%s:%s" % (name, realm, password)), nonce,
                                     md5("REGISTER:" + uri + ":%d" % self.port)))
        self.send(n, user, 2, 'Authorization: Digest username="%s", realm="%s", nonce="%s", '
                  'uri="%s:%d", response="%s", algorithm=MD5\r\n'
                  % (name, realm, nonce, uri, self.port, response))
        return n, False

    def register(self, first, count, users):
        self.users = users
        begun, done = first, 0
        while done < count:
            while begun - first - done < self.window and begun < first + count:
                self.send(begun, begun % users, 1)
                begun += 1
            try:
                done += self.answer(self.socket.recv(4096))[1]
            except socket.timeout:
                sys.exit("digest: no answer from the server")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", required=True)
    parser.add_argument("--users", type=int, default=10000)
    parser.add_argument("--registrations", type=int, default=5000)
    parser.add_argument("--window", type=int, default=64, help="registrations in progress")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    work = tempfile.mkdtemp(prefix="signalbox-digest-")
    rows = {"signalbox": [], "kamailio": []}
    for i in range(options.rounds):
        for name in rows:
            server = (benchlib.start_signalbox(options.build, "digest", work)
                      if name == "signalbox" else benchlib.start_kamailio("digest", work))
            phones = Phones(server.port, options.window)
            phones.register(0, 500, options.users)
            before = benchlib.cpu_ns(server.pid)
            phones.register(500, options.registrations, options.users)
            rows[name].append(
                {"us": (benchlib.cpu_ns(server.pid) - before) / options.registrations / 1000})
            server.stop()
    ratio = median(rows["kamailio"], "us") / median(rows["signalbox"], "us")
    print("a REGISTER that is challenged and then proves its password against MariaDB, %d of %d users, "
          "medians of %d rounds; %s" % (options.registrations, options.users, options.rounds,
                                        benchlib.machine()))
    print(table(["", "CPU us", "from to", "rate a CPU"],
                [[n, "%.1f" % median(r, "us"), spread(r, "us"), "%.0f/s" % (1e6 / median(r, "us"))]
                 for n, r in rows.items()]))
    print("signalbox registers %.1f times as many a CPU" % ratio)
    shutil.rmtree(work)


if __name__ == "__main__":
    main()
