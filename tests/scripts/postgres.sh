#!/bin/sh
# A throw-away PostgreSQL cluster for the tests.
#   postgres.sh start DIRECTORY   make and start one, print its conninfo for KIZUNA_TEST_POSTGRES
#   postgres.sh again DIRECTORY   start it again, after its processes were killed
#   postgres.sh stop DIRECTORY    stop it and remove the directory
# It listens on a socket in DIRECTORY alone. Run as root it becomes the user `postgres`, which the server insists on.
set -eu

command=${1:?start, again or stop}
directory=${2:?a directory}
bin=$(dirname "$(ls /usr/lib/postgresql/*/bin/initdb /usr/local/bin/initdb /usr/bin/initdb 2>/dev/null | sort -V | tail -n 1)")

as_server() {
    if [ "$(id -u)" = 0 ]; then
        (cd / && runuser -u postgres -- "$@")
    else
        "$@"
    fi
}

serve() {
    as_server "$bin/pg_ctl" -D "$directory/data" -w -l "$directory/data/server.log" \
        -o "-c listen_addresses='' -c unix_socket_directories='$directory'" start >/dev/null
}

case $command in
start)
    mkdir -p "$directory"
    chmod 755 "$directory"
    if [ "$(id -u)" = 0 ]; then chown postgres "$directory"; fi
    as_server "$bin/initdb" -D "$directory/data" -U kizuna -A trust -E UTF8 --locale=C >"$directory/initdb.log"
    serve
    echo "host=$directory user=kizuna dbname=postgres"
    ;;
again)
    serve
    ;;
stop)
    as_server "$bin/pg_ctl" -D "$directory/data" -m immediate -w stop >/dev/null
    rm -rf "$directory"
    ;;
*)
    echo "unknown command: $command" >&2
    exit 2
    ;;
esac
