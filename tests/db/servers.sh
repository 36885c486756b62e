# shellcheck shell=bash
# Real database servers for tests: installed when missing, started on loopback in a folder of their
# own, stopped by process id. Source it after tests/lib/common.sh and use_scratch.
# SPDX-License-Identifier: MIT

# become NAME: the words in ${as[@]} run a command as that user; servers refuse to run as root.
as=()
become() {
    as=()
    if [ "$(id -u)" = 0 ]; then
        as=(setpriv "--reuid=$1" "--regid=$1" --clear-groups)
    fi
}

# server_folder NAME USER: a folder for a server's files that its user may write.
server_folder() {
    mkdir -p "$scratch/$1"
    chmod 755 "$scratch"
    if [ "$(id -u)" = 0 ]; then
        chown "$2" "$scratch/$1"
    fi
}

# wait_until SECONDS command...
wait_until() {
    local i limit=$(($1 * 20))
    shift
    for ((i = 0; i < limit; i++)); do
        "$@" >/dev/null 2>&1 && return 0
        sleep 0.05
    done
    return 1
}

# -- MariaDB: user signalbox, password secret, database signalbox ------------------------------

mariadb_port=
mariadb_pid=

mariadb_make() {
    server_folder mariadb mysql
    become mysql
    "${as[@]}" mariadb-install-db --no-defaults --datadir="$scratch/mariadb/data" \
        --auth-root-authentication-method=normal --skip-test-db >"$scratch/mariadb.make.log" 2>&1
}

mariadb_start() {
    become mysql
    start_server "$scratch/mariadb.log" "${as[@]}" mariadbd --no-defaults \
        --datadir="$scratch/mariadb/data" --socket="$scratch/mariadb/socket" \
        --pid-file="$scratch/mariadb/pid" --bind-address=127.0.0.1 --port="$mariadb_port" \
        --skip-name-resolve --innodb-buffer-pool-size=64M --performance-schema=OFF \
        --character-set-server=utf8mb4
    mariadb_pid=$started_pid
    wait_until 60 mariadb_ask "SELECT 1"
}

# mariadb_ask SQL: as root through the socket; rows separated by tabs.
mariadb_ask() {
    mariadb --no-defaults -S "$scratch/mariadb/socket" -u root -N -B -e "$1" "${@:2}"
}

mariadb_setup() {
    mariadb_port=$(free_ports 1)
    mariadb_make && mariadb_start && mariadb_ask "
        CREATE DATABASE signalbox CHARACTER SET utf8mb4;
        CREATE USER 'signalbox'@'%' IDENTIFIED BY 'secret';
        GRANT ALL ON signalbox.* TO 'signalbox'@'%';"
}

# Without a word to its clients, as a machine that loses power.
mariadb_kill() {
    kill -KILL "$mariadb_pid"
    wait "$mariadb_pid" 2>/dev/null || true
}

# -- PostgreSQL: the same ----------------------------------------------------------------------

postgres_port=
postgres_pid=
postgres_bin=

postgres_make() {
    local secret=$scratch/postgres/secret
    server_folder postgres postgres
    echo secret >"$secret"
    chmod 644 "$secret"
    become postgres
    "${as[@]}" "$postgres_bin/initdb" -D "$scratch/postgres/data" -U signalbox -E UTF8 \
        --locale=C -A scram-sha-256 --pwfile="$secret" >"$scratch/postgres.make.log" 2>&1
}

postgres_start() {
    become postgres
    start_server "$scratch/postgres.log" "${as[@]}" "$postgres_bin/postgres" \
        -D "$scratch/postgres/data" -k "$scratch/postgres" -h 127.0.0.1 -p "$postgres_port"
    postgres_pid=$started_pid
    wait_until 60 postgres_ask "SELECT 1"
}

postgres_ask() {
    PGPASSWORD=secret psql -h 127.0.0.1 -p "$postgres_port" -U signalbox -At -F $'\t' \
        -c "$1" "${2:-postgres}"
}

postgres_setup() {
    postgres_port=$(free_ports 1)
    postgres_bin=$(find /usr/lib/postgresql -path '*/bin/postgres' -printf '%h\n' | sort -V | tail -n 1)
    postgres_make && postgres_start && postgres_ask "CREATE DATABASE signalbox"
}

# The whole family: a child that goes on would keep the port.
postgres_kill() {
    local children
    children=$(pgrep -P "$postgres_pid")
    # shellcheck disable=SC2086
    kill -KILL "$postgres_pid" $children
    wait "$postgres_pid" 2>/dev/null || true
    rm -f "$scratch/postgres/data/postmaster.pid"
}
