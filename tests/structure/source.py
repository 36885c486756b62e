"""What the structure checks share: the files of the tree, C text without comments, functions."""
# SPDX-License-Identifier: MIT
import collections
import os
import re
import subprocess
import sys

C_FILES = (".c", ".h", ".def", ".l", ".y")


def git_files(root, *options):
    """Paths git lists, or None where this is no clone."""
    run = subprocess.run(["git", "-C", root, "ls-files", "-z", *options], capture_output=True)
    if run.returncode != 0:
        return None
    paths = run.stdout.decode("utf-8", "surrogateescape").split("\0")
    return sorted({p for p in paths if p and os.path.isfile(os.path.join(root, p))})


def walked_files(root):
    out = []
    for folder, folders, names in os.walk(root):
        folders[:] = [f for f in folders if not f.startswith((".git", "build", "__pycache__"))]
        out += [os.path.relpath(os.path.join(folder, n), root) for n in names]
    return sorted(out)


def files(root):
    """Every file that is committed or could be."""
    listed = git_files(root, "--cached", "--others", "--exclude-standard")
    return walked_files(root) if listed is None else listed


def read(root, path):
    with open(os.path.join(root, path), encoding="utf-8", errors="replace") as f:
        return f.read()


TOKEN = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)


def without_comments(text, keep_strings=False):
    """C text with comments, and strings unless kept, blanked out; lines keep their numbers."""
    def blank(match):
        token = match.group(0)
        if token[0] == "/":
            return re.sub(r"[^\n]", " ", token)
        return token if keep_strings else token[0] + " " * (len(token) - 2) + token[0]
    return TOKEN.sub(blank, text)


Function = collections.namedtuple("Function", "path name line lines body")

HEAD = re.compile(r"([A-Za-z_]\w*)\s*\(")


def functions(path, text):
    """Functions of a file in our format: the brace that opens one, and that which closes it, stand
    in the first column. Length counts from the line of the name to the closing brace."""
    lines = without_comments(text).split("\n")
    at = 0
    while at < len(lines):
        if lines[at] != "{":
            at += 1
            continue
        end = at
        while end < len(lines) and not lines[end].startswith("}"):
            end += 1
        head = at - 1
        while head > 0 and lines[head][:1] in (" ", "\t", "") and lines[head].strip():
            head -= 1
        found = HEAD.search(lines[head])
        if found and end < len(lines) and lines[end] == "}":
            yield Function(path, found.group(1), head + 1, end - head + 1, lines[at:end + 1])
        at = end + 1


class Report:
    """Prints ok and not ok lines; status() is what the program ends with."""

    def __init__(self):
        self.failed = False

    def result(self, name, problems):
        if problems:
            self.failed = True
        print("%s %s" % ("not ok" if problems else "ok", name))
        for problem in problems:
            print("# " + problem)

    def status(self):
        sys.stdout.flush()
        return 1 if self.failed else 0
