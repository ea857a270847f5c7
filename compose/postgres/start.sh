#!/bin/bash
# Starts PostgreSQL as what its peer leaves to it: the primary, or a replica of the peer.
#
# Whoever starts asks the peer first. When the peer takes writes, this one becomes its replica, whatever it was before:
# an old primary that comes back after a failover rejoins and never stands beside the new one. Its own last state is
# kept in /data/diverged until the next time, so that what was lost can be looked at.
#
# PEER      the other server's name
# ROLE      primary or replica, for the very first start
# SYNC      `on`: commits wait for the replica
# PASSWORD  of the roles `postgres` and `orders`
set -euo pipefail
umask 077

data=/data/postgres
settings=/stack/postgresql.conf
export PATH="/usr/lib/postgresql/15/bin:$PATH" PGCONNECT_TIMEOUT=2 PGPASSWORD="$PASSWORD"

as_postgres() { setpriv --reuid=postgres --regid=postgres --init-groups "$@"; }
say() { echo "start.sh: $*" >&2; }

# Whether the peer takes writes: t or f; nothing when it does not answer.
peer_takes_writes() {
    psql -h "$PEER" -U health -d postgres -tAXqc 'SELECT NOT pg_is_in_recovery()' 2>/dev/null || true
}
peer_is_primary() { [ "$(peer_takes_writes)" = t ]; }

follow() {
    say "following $PEER"
    rm -rf /data/diverged "$data.new"
    [ ! -d "$data" ] || mv "$data" /data/diverged
    as_postgres pg_basebackup -h "$PEER" -U postgres -D "$data.new" --checkpoint=fast --no-sync --write-recovery-conf
    mv "$data.new" "$data"
}

create() {
    say "creating the database"
    rm -rf "$data.new"
    local secret
    secret=$(as_postgres mktemp /tmp/secret.XXXXXX)
    echo "$PASSWORD" >"$secret"
    as_postgres initdb -D "$data.new" --username=postgres --pwfile="$secret" --auth=scram-sha-256 \
        --encoding=UTF8 --locale=C --data-checksums --wal-segsize=1 --no-sync >/dev/null
    rm "$secret"
    # Before the server listens: whoever can connect finds all of it.
    as_postgres postgres --single -D "$data.new" -c config_file="$settings" postgres >/dev/null <<SQL
CREATE ROLE orders LOGIN PASSWORD '$PASSWORD'
CREATE ROLE health LOGIN
CREATE DATABASE orders OWNER orders
SQL
    mv "$data.new" "$data"
}

chown postgres:postgres /data
chmod 700 /data

peer=$(peer_takes_writes)
if [ -d "$data" ] && [ ! -e "$data/standby.signal" ]; then
    # This one took writes when it ended. A peer that cannot be reached may have been promoted since: it gets a while.
    for _ in 1 2 3 4 5 6 7 8; do
        [ -z "$peer" ] || break
        say "asking $PEER, which does not answer"
        sleep 1
        peer=$(peer_takes_writes)
    done
fi

if [ "$peer" = t ]; then
    # A replica of this very peer goes on where it was.
    [ -e "$data/standby.signal" ] || follow
elif [ ! -d "$data" ]; then
    if [ "$ROLE" = primary ]; then
        create
    else
        until peer_is_primary; do sleep 0.3; done
        follow
    fi
fi

options=(-D "$data" -c config_file="$settings")
if [ ! -e "$data/standby.signal" ]; then
    say "taking writes"
    [ "${SYNC:-off}" != on ] || options+=(-c 'synchronous_standby_names=*')
fi
exec setpriv --reuid=postgres --regid=postgres --init-groups postgres "${options[@]}"
