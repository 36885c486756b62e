"""What the benchmarks share: servers, their CPU time and memory, the load generator."""
# SPDX-License-Identifier: MIT
import glob
import os
import platform
import shutil
import signal
import statistics
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SCRIPTS = os.path.join(ROOT, "tests", "bench", "scripts")
PORTS = "5561,5562,5590,5591"
SIGNALBOX, KAMAILIO, FLOOR = 5560, 5570, 5580  # where they listen


def own_network():
    """Starts this program again in a network namespace of its own, where that is allowed, so that its
    ports are nobody else's."""
    if os.environ.get("BENCH_NETWORK") or os.geteuid() != 0:
        return
    if subprocess.run(["unshare", "-n", "true"], stderr=subprocess.DEVNULL).returncode == 0:
        os.environ["BENCH_NETWORK"] = "own"
        os.execvp("unshare", ["unshare", "-n", "bash", "-c", 'ip link set lo up; exec "$@"', "_",
                              sys.executable] + sys.argv)


def find_kamailio():
    return shutil.which("kamailio", path=os.environ.get("PATH", "") + ":/usr/sbin")


def machine():
    model = platform.machine()
    with open("/proc/cpuinfo") as f:
        for line in f:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
    with open("/proc/loadavg") as f:
        load = f.read().split()[0]
    return "%d cores of %s, Linux %s, load average %s" % (os.cpu_count(), model,
                                                         platform.release(), load)


def descendants(pid):
    out = [pid]
    for path in glob.glob("/proc/%d/task/*/children" % pid):
        try:
            with open(path) as f:
                for child in f.read().split():
                    out += descendants(int(child))
        except OSError:
            pass
    return out


def cpu_ns(pid):
    """CPU time of all threads of a process and of its children."""
    total = 0
    for p in descendants(pid):
        for path in glob.glob("/proc/%d/task/*/schedstat" % p):
            try:
                with open(path) as f:
                    total += int(f.read().split()[0])
            except OSError:
                pass
    return total


def memory_kb(pid):
    """Memory of a process and its children; what they share counts once."""
    total = 0
    for p in descendants(pid):
        try:
            with open("/proc/%d/smaps_rollup" % p) as f:
                total += sum(int(line.split()[1]) for line in f if line.startswith("Pss:"))
        except OSError:
            pass
    return total


class Server:
    """A server that runs, from the time its port is taken to stop(). prefix: taskset and the like."""

    def __init__(self, name, port, command, work, prefix=()):
        self.name, self.port = name, port
        self.log = open(os.path.join(work, name + ".log"), "ab")
        self.process = subprocess.Popen(list(prefix) + command, stdout=self.log, stderr=self.log)
        self.pid = self.process.pid
        self.wait()

    def wait(self):
        want = ":%04X " % self.port
        for _ in range(200):
            if self.process.poll() is not None:
                break
            with open("/proc/net/udp") as f:
                if want in f.read():
                    time.sleep(0.3)
                    return
            time.sleep(0.05)
        sys.exit("bench: %s does not start; see %s" % (self.name, self.log.name))

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()


def start_signalbox(build, script, work, workers=2, prefix=()):
    command = [os.path.join(build, "signalbox"), "-f", os.path.join(SCRIPTS, script + ".cfg"), "-n",
               str(workers)]
    return Server("signalbox", SIGNALBOX, command, work, prefix)


def start_kamailio(script, work, workers=2, prefix=(), memory=None):
    """memory: fm or qm; None: the manager Debian's package takes by itself."""
    name = "kamailio.cfg" if script == "signalbox" else "kamailio-%s.cfg" % script
    command = [find_kamailio(), "-f", os.path.join(SCRIPTS, name), "-DD", "-E", "-m", "4096", "-M",
               "16", "-w", work, "-Y", work]
    if memory:
        command += ["-x", memory, "-X", memory]
    if workers != 2:  # what the scripts say
        command += ["-n", str(workers)]
    return Server("kamailio", KAMAILIO, command, work, prefix)


def start_floor(build, work):
    return Server("floor", FLOOR, [os.path.join(build, "tests", "floor"), str(FLOOR)] +
                  PORTS.split(",")[:2], work)


def load(build, port, *options, prefix=()):
    """Runs the load generator: what it says of all calls, of each phase, and of each 100 ms."""
    run = subprocess.run(list(prefix) + [os.path.join(build, "tests", "load"), "--proxy", str(port),
                                         "--ports", PORTS] + [str(o) for o in options],
                         capture_output=True, text=True)
    rows = []
    for line in run.stdout.splitlines():
        words = line.split()
        rows.append({k: float(v) for k, v in zip(words[0::2], words[1::2])})
    if not rows:
        sys.exit("bench: the load generator says nothing: " + run.stderr)
    return (rows[0], [r for r in rows if "phase" in r], [r for r in rows if "ms" in r])


def measure(server, build, calls, *options):
    """One run: what load says, and the CPU time of a call in us."""
    before = cpu_ns(server.pid)
    result = load(build, server.port, "--calls", calls, *options)[0]
    time.sleep(0.2)
    result["us"] = (cpu_ns(server.pid) - before) / calls / 1000
    return result


def median(rows, key):
    return statistics.median(r[key] for r in rows)


def spread(rows, key):
    values = [r[key] for r in rows]
    return "%.1f to %.1f" % (min(values), max(values))


def table(head, rows):
    """A table in Markdown."""
    out = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(out + ["| " + " | ".join(row) + " |" for row in rows])
