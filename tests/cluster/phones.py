#!/usr/bin/env python3
"""tests/cluster/phones.py A B REDIS_PORT DIR: phones at two hosts of a cluster (127.0.0.1:A and :B)
that share a Redis, which this script starts, ends and starts again in DIR."""
# SPDX-License-Identifier: MIT
import re
import socket
import subprocess
import sys
import time

A, B, PORT, DIR = int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
failed = 0


def check(name, good, shown=""):
    global failed
    failed += not good
    print(("ok " if good else "not ok ") + name)
    if not good:
        print("# " + str(shown).replace("\r\n", "\n# "))


class Redis:
    def __init__(self):
        self.start()

    def start(self):
        self.process = subprocess.Popen(
            ["redis-server", "--bind", "127.0.0.1", "--port", str(PORT), "--save", "", "--appendonly",
             "no", "--dir", DIR], stdout=subprocess.DEVNULL)
        while self.ask("PING") != "PONG":
            time.sleep(0.05)

    def ask(self, *words):
        return subprocess.run(["redis-cli", "-p", str(PORT), *words], capture_output=True,
                              text=True).stdout.strip()

    def kill(self):
        self.process.kill()
        self.process.wait()


class Phone:
    count = 0

    def __init__(self, user):
        self.user = user
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.cseq = 0

    def send(self, method, host, uri, to, headers=""):
        Phone.count += 1
        self.cseq += 1
        text = (f"{method} {uri} SIP/2.0\r\n"
                f"Via: SIP/2.0/UDP 127.0.0.1:{self.port};branch=z9hG4bKp{Phone.count}\r\n"
                f"From: <sip:{self.user}@cluster.test>;tag=f{Phone.count}\r\nTo: <sip:{to}>\r\n"
                f"Call-ID: {self.user}-{method if method == 'REGISTER' else Phone.count}@phone\r\n"
                f"CSeq: {self.cseq} {method}\r\nMax-Forwards: 70\r\n{headers}"
                "Content-Length: 0\r\n\r\n")
        self.socket.sendto(text.encode(), ("127.0.0.1", host))

    def receive(self, seconds=3):
        self.socket.settimeout(seconds)
        try:
            return self.socket.recv(65536).decode()
        except TimeoutError:
            return ""

    def register(self, host, expires=600):
        self.send("REGISTER", host, "sip:cluster.test", f"{self.user}@cluster.test",
                  f"Contact: <sip:{self.user}@127.0.0.1:{self.port}>;expires={expires}\r\n")
        return self.receive()

    def ask(self, host, user):
        """OPTIONS to a user through a host: the code of a refusal, or "" when it was sent on."""
        self.send("OPTIONS", host, f"sip:{user}@cluster.test", f"{user}@cluster.test")
        return self.receive(0.7)

    def answer(self, request):
        lines = [h for h in request.split("\r\n") if re.match("(Via|From|To|Call-ID|CSeq|Record-Route):", h)]
        hop = re.search(r"^Via: SIP/2.0/UDP 127.0.0.1:(\d+)", request, re.M)
        self.socket.sendto(("SIP/2.0 200 OK\r\n" + "\r\n".join(lines) +
                            "\r\nContent-Length: 0\r\n\r\n").encode(), ("127.0.0.1", int(hop.group(1))))


def reached(caller, host, phone):
    """The request as the phone gets it, when the caller gets the phone's 200 as well."""
    caller.send("OPTIONS", host, f"sip:{phone.user}@cluster.test", f"{phone.user}@cluster.test")
    request = phone.receive()
    if not request.startswith("OPTIONS"):
        return ""
    phone.answer(request)
    return request if caller.receive().startswith("SIP/2.0 200") else ""


def eventually(seconds, test):
    end = time.time() + seconds
    while time.time() < end:
        got = test()
        if got:
            return got
        time.sleep(0.2)
    return None


redis = Redis()
al, bo, caller = Phone("al"), Phone("bo"), Phone("caller")
r = eventually(5, lambda: (lambda x: x if x.startswith("SIP/2.0 200") else None)(al.register(A)))
check("al registers at A", r, r)
check("and is in Redis", redis.ask("HLEN", "signalbox:location:al") == "1")
check("with an end", 500 < int(redis.ask("TTL", "signalbox:location:al") or 0) <= 600,
      redis.ask("TTL", "signalbox:location:al"))
r = reached(caller, A, al)
check("is reached through A", r.count("\nVia:") == 2, r)
r = reached(caller, B, al)
vias = re.findall(r"^Via: SIP/2.0/UDP 127.0.0.1:(\d+)", r, re.M)
check("is reached through B, by way of A", vias[:2] == [str(A), str(B)], r)
check("without a Route left", "\nRoute:" not in r, r)

r = al.register(B, 0)
check("al leaves at B", r.startswith("SIP/2.0 200") and "Contact:" not in r, r)
time.sleep(3)
r = caller.ask(A, "al")
check("and is gone at A", r.startswith("SIP/2.0 404"), r)
check("and from Redis", redis.ask("EXISTS", "signalbox:location:al") == "0")

r = al.register(B)
check("al moves to B", r.startswith("SIP/2.0 200"), r)
r = reached(caller, A, al)
vias = re.findall(r"^Via: SIP/2.0/UDP 127.0.0.1:(\d+)", r, re.M)
check("and is reached through A, by way of B", vias[:2] == [str(B), str(A)], r)
r = al.register(B, 2)
check("al stays for two seconds", r.startswith("SIP/2.0 200"), r)
check("then Redis forgets", eventually(8, lambda: redis.ask("EXISTS", "signalbox:location:al") == "0"))
r = caller.ask(A, "al")
check("and so does A", r.startswith("SIP/2.0 404"), r)

r = al.register(A)
check("al registers at A again", r.startswith("SIP/2.0 200"), r)
check("B has seen al", reached(caller, B, al))
redis.kill()
r = bo.register(A)
check("without Redis: bo registers at A", r.startswith("SIP/2.0 200"), r)
check("bo is found at A", reached(caller, A, bo))
r = caller.ask(B, "bo")
check("but not at B", r.startswith("SIP/2.0 404"), r)
check("al is still found at B", reached(caller, B, al))
redis.start()
check("Redis is back, empty: bo is found at B",
      eventually(15, lambda: redis.ask("EXISTS", "signalbox:location:bo") == "1" and reached(caller, B, bo)))
check("and al", eventually(10, lambda: redis.ask("EXISTS", "signalbox:location:al") == "1" and
                           reached(caller, B, al)))

redis.ask("HSET", "signalbox:location:al", "sip:evil@127.0.0.1", "1 2 3 nonsense")
redis.ask("HSET", "signalbox:location:cy", "sip:cy@127.0.0.1", "")
redis.ask("SET", "signalbox:location:di", "no hash")
check("nonsense in Redis is passed over", reached(caller, B, al))
check("an empty value too", caller.ask(B, "cy").startswith("SIP/2.0 404"))
check("a key that is no hash too", caller.ask(B, "di").startswith("SIP/2.0 404"))
redis.kill()
sys.exit(failed != 0)
