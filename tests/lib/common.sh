# shellcheck shell=bash
# For scripts in bash: packages, builds, ports, servers, and saying what passed. Source it; it only
# defines functions and variables. Everything it starts is ended by process id.
# SPDX-License-Identifier: MIT

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck disable=SC2034
shared=${SHARED:-$root/../shared} # reference material; may be absent
jobs=${JOBS:-$(nproc)}

# -- packages ---------------------------------------------------------------------------------

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo -n "$@"
    else
        echo "needs root or sudo: $*" >&2
        return 1
    fi
}

package_installed() {
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# Installs packages without starting the services they bring: kamailio is here to be compared with,
# when a benchmark starts it.
install_packages() {
    local policy=/usr/sbin/policy-rc.d made=no status=0
    if [ ! -e "$policy" ]; then
        as_root sh -c "printf '#!/bin/sh\nexit 101\n' >$policy && chmod 755 $policy" && made=yes
    fi
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300 update &&
        as_root env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get -q -y \
            -o DPkg::Lock::Timeout=300 -o APT::Install-Recommends=false install "$@" || status=1
    if [ $made = yes ]; then
        as_root rm -f "$policy"
    fi
    return $status
}

# ensure_packages NAME...: installs what is missing of them. Silent when nothing is.
ensure_packages() {
    local name log missing=()
    for name in "$@"; do
        package_installed "$name" || missing+=("$name")
    done
    if [ ${#missing[@]} -gt 0 ]; then
        echo "installing: ${missing[*]}" >&2
        log=$(mktemp)
        if ! install_packages "${missing[@]}" </dev/null >"$log" 2>&1; then
            echo "that failed; the end of $log:" >&2
            tail -n 30 "$log" >&2
            return 1
        fi
        rm -f "$log"
    fi
}

# setup_packages run|test: what is missing of tests/lib/packages; "test" means all of it. Silent
# when nothing is.
setup_packages() {
    local name set wanted=()
    if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
        echo "not a Debian system: please see to the packages of tests/lib/packages yourself" >&2
        return 0
    fi
    while read -r name set; do
        case $name in '' | '#'*) continue ;; esac
        if [ "$set" = run ] || [ "$1" = test ]; then
            wanted+=("$name")
        fi
    done <"$root/tests/lib/packages"
    ensure_packages "${wanted[@]}"
}

# -- builds -----------------------------------------------------------------------------------

# build_tree DIR [cmake option...] [-- target...]: configures what is new, builds what changed.
# Says nothing unless it fails. What tests servers meanwhile comes first. Waits for another build of the same folder to finish.
build_tree() {
    local dir=$root/$1 options=() targets=() generator=() log
    shift
    while [ $# -gt 0 ] && [ "$1" != -- ]; do
        options+=("$1")
        shift
    done
    [ $# -eq 0 ] || shift
    [ $# -eq 0 ] || targets=(--target "$@")
    mkdir -p "$dir"
    log=$dir/build.log
    if [ ! -e "$dir/CMakeCache.txt" ] && command -v ninja >/dev/null; then
        generator=(-G Ninja)
    fi
    (
        flock 9
        cmake -S "$root" -B "$dir" "${generator[@]}" "${options[@]}" &&
            nice cmake --build "$dir" --parallel "$jobs" "${targets[@]}"
    ) 9>"$dir/.lock" >"$log" 2>&1 </dev/null || {
        echo "building ${dir#"$root"/} failed; the end of ${log#"$root"/}:" >&2
        tail -n 40 "$log" >&2
        return 1
    }
}

# The program, build/signalbox, and the load generator build/tests/load.
build_release() {
    build_tree build -- signalbox load
}

# build_named release|asan|tsan|clang: the trees that groups ask for. A hundred test programs are
# linked in those with sanitizers of gcc, which gold does in a quarter of the time.
build_named() {
    local quick_link=()
    if command -v ld.gold >/dev/null; then
        quick_link=(-DCMAKE_EXE_LINKER_FLAGS=-fuse-ld=gold)
    fi
    case $1 in
    release) build_tree build -- signalbox load floor calls oom replay ;; # and what the groups start
    asan) build_tree build-asan "${quick_link[@]}" -DASAN=ON ;;
    tsan) build_tree build-tsan "${quick_link[@]}" -DTSAN=ON -- threaded ;;
    # the fuzzers of libFuzzer, and everything once more under the warnings of clang
    clang) build_tree build-clang -DCMAKE_C_COMPILER=clang -DCMAKE_BUILD_TYPE=Debug -DFUZZ=ON \
        -DASAN=ON ;;
    *)
        echo "no such build: $1" >&2
        return 1
        ;;
    esac
}

# Runs a command without address randomisation where that is allowed: the sanitizers of Debian 12
# do not know the layouts of newer kernels.
no_aslr() {
    if setarch "$(uname -m)" -R true 2>/dev/null; then
        setarch "$(uname -m)" -R "$@"
    else
        "$@"
    fi
}

# -- what passed ------------------------------------------------------------------------------

passed=0
failed=0

ok() {
    passed=$((passed + 1))
    echo "ok $*"
}

# not_ok NAME [line of explanation...]
not_ok() {
    failed=$((failed + 1))
    echo "not ok $1"
    shift
    [ $# -eq 0 ] || printf '# %s\n' "$@"
}

# check NAME command...: passes when the command does; its output is shown when it does not.
check() {
    local name=$1 output
    shift
    if output=$("$@" 2>&1 </dev/null); then
        ok "$name"
    else
        not_ok "$name" "command: $*"
        tail -n 60 <<<"$output" | sed 's/^/# /'
    fi
}

# Last command of a group written in bash.
finish() {
    echo "$passed passed, $failed failed"
    [ $failed -eq 0 ]
}

# ctest_group BUILD REGEX [EXCEPT]: runs the ctest tests of a build tree whose names match, but not
# those that match EXCEPT; as ok lines.
ctest_group() {
    local dir=$root/$1 report line name
    report=$(mktemp)
    no_aslr ctest --test-dir "$dir" -R "$2" -E "${3:-^\$}" --parallel "$jobs" --timeout "${CTEST_TIMEOUT:-240}" \
        --output-on-failure --no-tests=ignore >"$report" 2>&1 </dev/null
    while IFS= read -r line; do
        if [[ $line =~ Test\ +#[0-9]+:\ ([^ ]+)\ \.+(.*)$ ]]; then
            name=${BASH_REMATCH[1]}
            case ${BASH_REMATCH[2]} in
            *Passed*) ok "$name" ;;
            *Skipped*) echo "ok $name # SKIP" ;;
            *) not_ok "$name" "${BASH_REMATCH[2]//\*/}" ;;
            esac
        elif [[ -n $line && ! $line =~ "Start "|"[ RUN  "|"[       OK" ]]; then
            echo "# $line"
        fi
    done <"$report"
    rm -f "$report"
}

# layer_group NAME REGEX: the ctest tests that match, under the sanitizers, then what tests/NAME/run
# says if there is one.
layer_group() {
    local own=$root/tests/$1/run report status=0
    ctest_group build-asan "$2"
    if [ ! -x "$own" ]; then
        return 0
    fi
    report=$(mktemp)
    "$own" >"$report" 2>&1 </dev/null || status=$?
    cat "$report"
    passed=$((passed + $(grep -c '^ok ' "$report")))
    failed=$((failed + $(grep -c '^not ok ' "$report")))
    if [ $status -ne 0 ] && ! grep -q '^not ok ' "$report"; then
        not_ok "tests/$1/run" "exit status $status"
    fi
    rm -f "$report"
}

# -- ports ------------------------------------------------------------------------------------

# udp_port_busy PORT: whether anyone on this machine has it.
udp_port_busy() {
    local files=(/proc/net/udp)
    if [ -e /proc/net/udp6 ]; then
        files+=(/proc/net/udp6)
    fi
    awk -v port="$(printf '%04X' "$1")" '
        { n = split($2, local, ":") }
        n == 2 && local[2] == port { found = 1 }
        END { exit !found }' "${files[@]}"
}

# wait_udp_port PORT [PID]: until something listens there; fails after 10 s or when PID has ended.
wait_udp_port() {
    local i
    for ((i = 0; i < 200; i++)); do
        if udp_port_busy "$1"; then
            return 0
        fi
        if [ -n "${2:-}" ] && ! kill -0 "$2" 2>/dev/null; then
            break
        fi
        sleep 0.05
    done
    echo "nobody listens on UDP port $1" >&2
    return 1
}

# free_ports N: N consecutive UDP ports that nobody uses, the first of them printed.
free_ports() {
    local base i try
    for ((try = 0; try < 200; try++)); do
        base=$((20000 + RANDOM % 12000))
        for ((i = 0; i < $1; i++)); do
            if udp_port_busy $((base + i)); then
                continue 2
            fi
        done
        echo $base
        return 0
    done
    echo "no $1 free UDP ports in a row" >&2
    return 1
}

# -- servers ----------------------------------------------------------------------------------

scratch=
started_pids=()
started_pid=

# A folder for this script, $scratch, removed at its end together with the servers it started.
use_scratch() {
    scratch=$(mktemp -d)
    trap cleanup EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
}

# start_server LOG command...: in the background; its id is $started_pid. Call use_scratch first.
start_server() {
    local log=$1
    shift
    "$@" >"$log" 2>&1 </dev/null &
    started_pid=$!
    started_pids+=("$started_pid")
}

# stop_server PID: SIGTERM, SIGKILL after 10 s. Its exit status; 137 if it had to be killed.
stop_server() {
    local i
    kill "$1" 2>/dev/null || true
    for ((i = 0; i < 200; i++)); do
        if ! kill -0 "$1" 2>/dev/null; then
            break
        fi
        sleep 0.05
    done
    kill -KILL "$1" 2>/dev/null || true
    wait "$1" 2>/dev/null
}

cleanup() {
    local pid
    for pid in "${started_pids[@]}"; do
        if kill -0 "$pid" 2>/dev/null; then
            stop_server "$pid" || true
        fi
    done
    if [ -n "$scratch" ]; then
        rm -rf "$scratch"
    fi
}
