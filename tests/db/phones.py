#!/usr/bin/env python3
"""Phones that register, and later ask whether they are still registered.

phones.py register PORT RATE SECONDS FILE   one REGISTER a user; FILE gets "user time" of each 200
phones.py check PORT FILE [BEFORE]          asks for every user that was answered before that time
                                            (s since 1970); prints "FOUND of ASKED", exit 1 when
                                            one is missing
SIGTERM ends the first early, with what it has.
"""
# SPDX-License-Identifier: MIT
import re
import signal
import socket
import sys
import time

ANSWER = re.compile(rb"^SIP/2\.0 (\d+)[\s\S]*?^CSeq: *(\d+)", re.M)


def request(user, cseq, port, contact):
    name = f"u{user}"
    lines = [
        "REGISTER sip:example.test SIP/2.0",
        f"Via: SIP/2.0/UDP 127.0.0.1:{port};branch=z9hG4bK{name}x{cseq}",
        f"From: <sip:{name}@example.test>;tag=t{user}",
        f"To: <sip:{name}@example.test>",
        f"Call-ID: {name}@phones",
        f"CSeq: {cseq} REGISTER",
        "Max-Forwards: 70",
    ]
    if contact:
        lines.append(f"Contact: <sip:{name}@127.0.0.1:{port}>")
    return ("\r\n".join(lines) + "\r\nContent-Length: 0\r\n\r\n").encode()


def phone():
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind(("127.0.0.1", 0))
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    s.settimeout(0.0005)
    return s


def answers(s):
    while True:
        try:
            data = s.recv(65536)
        except (TimeoutError, ConnectionRefusedError):
            return
        m = ANSWER.match(data)
        if m:
            user = int(re.search(rb"^Call-ID: u(\d+)@", data, re.M).group(1))
            yield user, int(m.group(1)), data


def register(proxy, rate, seconds, path):
    s = phone()
    port = s.getsockname()[1]
    start, sent, over = time.time(), 0, []
    signal.signal(signal.SIGTERM, lambda *_: over.append(1))
    codes = {}
    with open(path, "w") as out:
        while not over and time.time() < start + seconds + 2:
            while sent < (time.time() - start) * rate and sent < rate * seconds:
                try:
                    s.sendto(request(sent, 1, port, True), ("127.0.0.1", proxy))
                except ConnectionRefusedError:
                    pass
                sent += 1
            for user, code, _ in answers(s):
                codes[code] = codes.get(code, 0) + 1
                if code == 200:
                    out.write(f"{user} {time.time():.3f}\n")
            if sent == rate * seconds and sum(codes.values()) == sent:
                break
    print(f"sent {sent}, answers {codes}")


def check(proxy, path, before):
    wanted = [int(w.split()[0]) for w in open(path) if float(w.split()[1]) < before]
    s = phone()
    port = s.getsockname()[1]
    found, left = set(), list(wanted)
    for _ in range(5):  # datagrams may be lost
        for i in range(0, len(left), 50):
            for user in left[i:i + 50]:
                s.sendto(request(user, 1, port, False), ("127.0.0.1", proxy))
            end = time.time() + 0.05
            while time.time() < end:
                for user, code, data in answers(s):
                    if code == 200 and b"Contact: <sip:u%d@" % user in data:
                        found.add(user)
        left = [u for u in left if u not in found]
        if not left:
            break
    print(f"{len(found)} of {len(wanted)}")
    return 0 if wanted and not left else 1


if __name__ == "__main__":
    if len(sys.argv) == 6 and sys.argv[1] == "register":
        register(int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), sys.argv[5])
    elif len(sys.argv) in (4, 5) and sys.argv[1] == "check":
        sys.exit(check(int(sys.argv[2]), sys.argv[3],
                       float(sys.argv[4]) if len(sys.argv) == 5 else 1e12))
    else:
        sys.exit(__doc__)
