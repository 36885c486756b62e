#!/usr/bin/env python3
"""Calls that outlive the server: `calls.py begin PORT FILE [N]` begins N calls through it and notes them,
`calls.py end PORT FILE` ends those, perhaps after a restart. The script tells in X-State what dialog knows
of each BYE."""
# SPDX-License-Identifier: MIT
import json
import re
import socket
import sys


def headers(message, name):
    return re.findall(r"(?im)^%s: *(.*?)\r$" % name, message)


class Phone:
    """Both ends of each call, on sockets of their own."""

    def __init__(self, port):
        self.proxy = ("127.0.0.1", port)
        self.caller, self.callee = [self.bound(p) for p in (port + 1, port + 2)]
        self.branch = 0

    @staticmethod
    def bound(port):
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.bind(("127.0.0.1", port))
        s.settimeout(5)
        return s

    def request(self, method, call, cseq, route, extra=""):
        self.branch += 1
        return ("%s sip:callee@127.0.0.1:%d SIP/2.0\r\n"
                "Via: SIP/2.0/UDP 127.0.0.1:%d;branch=z9hG4bK%s%d\r\n%s"
                "Max-Forwards: 70\r\nFrom: <sip:caller@127.0.0.1>;tag=a\r\n"
                "To: <sip:callee@127.0.0.1>%s\r\nCall-ID: %s\r\nCSeq: %d %s\r\n%s"
                "Content-Length: 0\r\n\r\n" % (
                    method, self.proxy[1] + 2, self.proxy[1] + 1, method, self.branch, route,
                    "" if method == "INVITE" else ";tag=b", call, cseq, method, extra)).encode()

    def answer(self, message, extra):
        lines = ["SIP/2.0 200 OK"]
        for name in ("Via", "Record-Route", "From", "Call-ID", "CSeq"):
            lines += ["%s: %s" % (name, value) for value in headers(message, name)]
        to = headers(message, "To")[0]
        lines += ["To: " + (to if ";tag=" in to else to + ";tag=b"), *extra, "Content-Length: 0"]
        self.callee.sendto(("\r\n".join(lines) + "\r\n\r\n").encode(), self.proxy)

    @staticmethod
    def until(s, call, *wanted):
        """The next message of a call that begins with one of these."""
        while True:
            message = s.recv(65535).decode()
            if message.startswith(wanted) and headers(message, "Call-ID") == [call]:
                return message

    def begin(self, call):
        contact = "Contact: <sip:caller@127.0.0.1:%d>\r\n" % (self.proxy[1] + 1)
        self.caller.sendto(self.request("INVITE", call, 1, "", contact), self.proxy)
        self.answer(self.until(self.callee, call, "INVITE"),
                    ["Contact: <sip:callee@127.0.0.1:%d>" % (self.proxy[1] + 2)])
        reply = self.until(self.caller, call, "SIP/2.0 200")
        route = "".join("Route: %s\r\n" % r for r in headers(reply, "Record-Route"))
        self.caller.sendto(self.request("ACK", call, 1, route), self.proxy)
        self.until(self.callee, call, "ACK")
        return route

    def end(self, call, route):
        self.caller.sendto(self.request("BYE", call, 2, route), self.proxy)
        bye = self.until(self.callee, call, "BYE")
        self.answer(bye, [])
        self.until(self.caller, call, "SIP/2.0 200")
        return headers(bye, "X-State") == ["5"]


def main():
    phone = Phone(int(sys.argv[2]))
    if sys.argv[1] == "begin":
        names = ["call-%d" % i for i in range(int(sys.argv[4]))]
        with open(sys.argv[3], "w") as f:
            json.dump([(name, phone.begin(name)) for name in names], f)
        return 0
    with open(sys.argv[3]) as f:
        calls = json.load(f)
    known = sum(phone.end(*call) for call in calls)
    print("%d of %d calls" % (known, len(calls)))
    return 0 if known == len(calls) else 1


if __name__ == "__main__":
    sys.exit(main())
