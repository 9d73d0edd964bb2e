#!/bin/sh
# The kinds of process, under the same words in docker-compose.yml, Kubernetes and the Procfile:
#   entrypoint.sh web|bus|worker|beat|release plans|credits|accounts
set -eu

usage() {
    echo "usage: entrypoint.sh web|bus|worker|beat|release plans|credits|accounts" >&2
    exit 2
}
[ $# -eq 2 ] || usage
kind=$1 service=$2
here=$(cd "$(dirname "$0")" && pwd)

case "$kind" in
    web) exec gunicorn --config "$here/gunicorn.conf.py" "services.$service.app:create_app()" ;;
    worker) exec xuefen worker "$service" --concurrency "${WORKER_CONCURRENCY:-1}" ;;
    beat) exec xuefen beat "$service" --schedule-file "${BEAT_DIR:-/tmp}/beat-$service" ;;
    bus | release) exec xuefen "$kind" "$service" ;;
    *) usage ;;
esac
