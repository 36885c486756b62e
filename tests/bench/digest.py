#!/usr/bin/env python3
"""The measuring part of tests/bench/digest, which starts the database around it."""
# SPDX-License-Identifier: MIT
import argparse
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile

import benchlib
from benchlib import median, spread, table

URL = "mysql://signalbox:secret@127.0.0.1:3307/signalbox"  # what the scripts say
CACHE = 'modparam("auth_db", "cache_rows", 100000)\nmodparam("auth_db", "cache_ttl", 60)\n'


def script(work, name, url, extra=""):
    """A script of scripts/ with another database, and more modparams before its first route."""
    with open(os.path.join(benchlib.SCRIPTS, name)) as f:
        text = f.read()
    text = text.replace(URL, url)
    if url.startswith("sqlite"):
        text = text.replace("db_mysql.so", "db_sqlite.so")
    for begin in ("\nroute {", "\nrequest_route {"):
        text = text.replace(begin, "\n" + extra + begin)
    path = os.path.join(work, "cached-" + name if extra else name)
    with open(path, "w") as f:
        f.write(text)
    return path


def sqlite_file(build, path, users):
    url = "sqlite:///" + path  # Kamailio takes one slash away; we do not mind two
    subprocess.run([os.path.join(build, "signalbox"), "db", "create", url], check=True,
                   stdout=subprocess.DEVNULL)
    db = sqlite3.connect(path)
    db.executemany("INSERT INTO subscriber (username, domain, password) VALUES (?, '127.0.0.1', ?)",
                   [("u%d" % i, "p%d" % i) for i in range(users)])
    db.commit()
    db.close()
    return url


def start(name, options, work, url):
    if name == "Kamailio":
        return benchlib.Server(name, benchlib.KAMAILIO, [
            benchlib.find_kamailio(), "-f", script(work, "kamailio-digest.cfg", url), "-DD", "-E",
            "-m", "1024", "-M", "16", "-w", work, "-Y", work, "-n", str(options.workers)], work)
    extra = CACHE if "cache" in name else ""
    return benchlib.Server("signalbox", benchlib.SIGNALBOX, [
        os.path.join(options.build, "signalbox"), "-f", script(work, "digest.cfg", url, extra), "-n",
        str(options.workers)], work)


def measure(name, options, work, url, load):
    server = start(name, options, work, url)
    what = ["--password", "--users", options.users]
    benchlib.load(options.build, server.port, *what, "--calls", 2 * options.users, "--window", 16)
    row = benchlib.measure(server, options.build, options.registrations, *what, *load)
    server.stop()
    if row["failed"] or row["refused"]:
        sys.exit("digest: %s: %.0f registrations failed" % (name, row["failed"] + row["refused"]))
    return row


def compare(options, work, title, url, load):
    rows = {"signalbox": [], "Kamailio": [], "signalbox, its cache": []}
    for _ in range(options.rounds):
        for name in rows:
            rows[name].append(measure(name, options, work, url, load))
    ratio = median(rows["Kamailio"], "us") / median(rows["signalbox"], "us")
    print("\n%s; %s:\n" % (title, benchlib.machine()))
    print(table(["", "us CPU", "from to", "a second of CPU", "a second", "p50 ms", "p99 ms"],
                [[n, "%.1f" % median(r, "us"), spread(r, "us"), "%.0f" % (1e6 / median(r, "us")),
                  "%.0f" % median(r, "rate"), "%.2f" % median(r, "p50_ms"),
                  "%.2f" % median(r, "p99_ms")] for n, r in rows.items()]))
    print("\nsignalbox registers %.1f times as many a second of CPU." % ratio, flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", required=True)
    parser.add_argument("--database", action="append", choices=["tcp", "socket", "sqlite"],
                        help="only these: MariaDB by 127.0.0.1 or by its Unix socket, SQLite")
    parser.add_argument("--users", type=int, default=10000)
    parser.add_argument("--registrations", type=int, default=20000)
    parser.add_argument("--window", type=int, default=64, help="registrations in progress")
    parser.add_argument("--rate", type=int, help="instead: registrations begun a second")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    work = tempfile.mkdtemp(prefix="signalbox-digest-")
    load = ["--rate", options.rate] if options.rate else ["--window", options.window]
    said = "%d begun a second" % options.rate if options.rate else "%d in progress" % options.window
    print("REGISTER that is challenged and proves its password; %d of %d users, %d workers, %s, "
          "medians of %d rounds" % (options.registrations, options.users, options.workers, said,
                                    options.rounds))
    databases = options.database or ["tcp", "socket", "sqlite"]
    if "tcp" in databases:
        compare(options, work, "MariaDB by 127.0.0.1", URL, load)
    if "socket" in databases:  # libmariadb's meaning of localhost; its path: see tests/bench/digest
        compare(options, work, "MariaDB by localhost, its Unix socket",
                URL.replace("127.0.0.1:3307", "localhost"), load)
    if "sqlite" in databases:
        url = sqlite_file(options.build, os.path.join(work, "users.sqlite"), options.users)
        compare(options, work, "SQLite", url, load)
    shutil.rmtree(work)


if __name__ == "__main__":
    main()
