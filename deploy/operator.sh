#!/bin/sh
# The `terroir` command for root, with the settings the processes have and as an account that may sign in to the database:
# /usr/local/sbin/terroir. The owner of the schema migrates; everything else needs no more than the worker may do.
set -euf
case ${1:-} in
migrate) account=owner file=migrate ;;
*) account=worker file=worker ;;
esac
# Not read by the shell: systemd takes these files literally, `$share` included.
settings() {
    for path in /etc/terroir/terroir.env "/etc/terroir/$file.env"; do
        if [ -e "$path" ]; then sed -n '/^TERROIR_/p' "$path"; fi
    done
}
cd /
# shellcheck disable=SC2046  # one word per line is meant
exec runuser -u "terroir-$account" -- env $(settings) /opt/terroir/current/bin/terroir "$@"
