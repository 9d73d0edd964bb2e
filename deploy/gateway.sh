#!/bin/sh
# The one address in front of the three services: nginx where it is installed, else a small Python program.
set -eu
PATH=$PATH:/usr/sbin:/usr/local/sbin
here=$(cd "$(dirname "$0")" && pwd)

if [ "${GATEWAY:-nginx}" = nginx ] && command -v nginx >/dev/null; then
    exec nginx -e stderr -p "$NGINX_DIR" -c nginx.conf -g "daemon off;"
fi
exec gunicorn --config "$here/gunicorn.conf.py" --chdir "$here" gateway:application
