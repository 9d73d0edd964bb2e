#!/bin/sh
# Starts a command again whenever it ends by itself, as `restart: unless-stopped` does in docker-compose.yml.
# Only for `make run-servers`, where honcho would end everything as soon as one process does. honcho signals the
# whole process group, so that here is nothing to pass on; if it is killed itself (KEPT_BY is its id), we end too.
stopping=
trap 'stopping=yes' TERM INT
(while kill -0 "$KEPT_BY" 2>/dev/null; do sleep 2; done; kill -TERM 0) &
while [ -z "$stopping" ]; do
    "$@" &
    wait $!
    code=$?
    [ -n "$stopping" ] && break
    echo "ended with $code, starts again in 2 s: $*" >&2
    sleep 2
done
wait
