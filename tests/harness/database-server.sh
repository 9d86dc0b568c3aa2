#!/usr/bin/env bash
# A database server for tests, in the foreground, until it is killed or its parent dies:
#
#   database-server.sh postgresql|mysql FOLDER PORT [OPTION...]
#
# Options go to the server, behind those that a test wants.
#
# Its files are made in FOLDER, where they are not there yet. Nothing of it is synced to the disk,
# which would be most of the time: what it has committed survives a kill and not a power cut. It
# listens on loopback alone and takes user sluice with password "a secret". As root it runs as the
# user that Debian's package has made for it.
#
# SLUICE_TEST_TLS   a folder with ca.crt, server.crt and server.key: it speaks TLS to those who want
#                   it, and listens on ::1, too
# SLUICE_TEST_MYSQLD the mysqld of MySQL itself, which then takes the place of MariaDB
set -euo pipefail

kind=$1
folder=$2
port=$3
more=()
tls=${SLUICE_TEST_TLS:-}
mysqld=${SLUICE_TEST_MYSQLD:-}

# PostgreSQL's commands are not on the PATH.
for each in /usr/lib/postgresql/*/bin; do PATH+=":$each"; done
PATH+=":/usr/sbin"

die() {
  printf 'database-server: %s\n' "$*" >&2
  exit 1
}

command -v eatmydata >/dev/null || die "eatmydata is not installed: scripts/setup.sh test"
case $kind in
  postgresql) owner=postgres needed=postgres ;;
  mysql) owner=mysql needed=mariadbd ;;
  *) die "unknown kind '$kind'" ;;
esac
command -v "$needed" >/dev/null || die "$needed is not installed: scripts/setup.sh test"

drop=()
if [ "$(id -u)" = 0 ]; then
  mkdir -p "$folder"
  chown "$owner:" "$folder"
  # The way to it must be open, too.
  chmod o+x "$(dirname "$folder")"
  drop=(setpriv "--reuid=$owner" "--regid=$owner" --clear-groups)
fi
as_owner() { "${drop[@]}" "$@"; }
mkdir -p "$folder"
cd "$folder"

addresses=127.0.0.1
if [ -n "$tls" ]; then
  mkdir -p tls
  cp "$tls"/{ca.crt,server.crt,server.key} tls/
  chmod 600 tls/server.key
  [ "$(id -u)" != 0 ] || chown -R "$owner:" tls
  if grep -q '^0*1 .* lo$' /proc/net/if_inet6 2>/dev/null; then addresses+=,::1; fi
fi

case $kind in
  postgresql)
    if [ ! -f data/PG_VERSION ]; then
      as_owner bash -c 'umask 077; printf "a secret" >password'
      as_owner eatmydata initdb -D data -U sluice --pwfile=password -A scram-sha-256 -E UTF8 \
        --no-locale --no-sync --no-instructions >initdb.log 2>&1 || die "$(cat initdb.log)"
    fi
    # After a kill: the server that it names is gone.
    rm -f data/postmaster.pid
    if [ -n "$tls" ]; then
      more=(-c ssl=on -c ssl_cert_file="$folder/tls/server.crt" -c ssl_ca_file="$folder/tls/ca.crt"
        -c ssl_key_file="$folder/tls/server.key")
      # Whoever is called so shows a certificate, and needs no password.
      grep -q certified data/pg_hba.conf ||
        as_owner sed -i '1i hostssl all certified all cert' data/pg_hba.conf
    fi
    exec setpriv --pdeathsig KILL "${drop[@]:1}" eatmydata postgres -D data -p "$port" \
      -c "listen_addresses=$addresses" -c "unix_socket_directories=$folder" -c fsync=off \
      -c full_page_writes=off -c shared_buffers=16MB \
      -c max_connections=60 -c autovacuum=off -c max_wal_size=128MB "${more[@]}" "${@:4}"
    ;;
  mysql)
    if [ ! -d data/mysql ]; then
      if [ -n "$mysqld" ]; then
        as_owner eatmydata "$mysqld" --no-defaults --datadir="$folder/data" \
          --initialize-insecure >install.log 2>&1 || die "$(cat install.log)"
      else
        as_owner eatmydata mariadb-install-db --no-defaults --datadir="$folder/data" \
          --skip-test-db --auth-root-authentication-method=normal \
          --innodb-flush-log-at-trx-commit=0 >install.log 2>&1 || die "$(cat install.log)"
      fi
      as_owner bash -c "cat >init.sql" <<'SQL'
CREATE USER IF NOT EXISTS sluice@'127.0.0.1' IDENTIFIED BY 'a secret';
CREATE USER IF NOT EXISTS sluice@'::1' IDENTIFIED BY 'a secret';
CREATE USER IF NOT EXISTS sluice@localhost IDENTIFIED BY 'a secret';
GRANT ALL ON *.* TO sluice@'127.0.0.1' WITH GRANT OPTION;
GRANT ALL ON *.* TO sluice@'::1';
GRANT ALL ON *.* TO sluice@localhost;
SQL
    fi
    [ -z "$tls" ] || more=(--ssl-ca="$folder/tls/ca.crt" --ssl-cert="$folder/tls/server.crt"
      --ssl-key="$folder/tls/server.key")
    if [ -n "$mysqld" ]; then
      more+=(--mysqlx=OFF)
    else
      more+=(--innodb-log-file-size=32M)
    fi
    exec setpriv --pdeathsig KILL "${drop[@]:1}" eatmydata "${mysqld:-mariadbd}" --no-defaults \
      --datadir="$folder/data" --port="$port" --bind-address="$addresses" \
      --socket="$folder/socket" --pid-file="$folder/pid" --init-file="$folder/init.sql" \
      --innodb-flush-log-at-trx-commit=2 --innodb-buffer-pool-size=32M --skip-log-bin \
      --skip-name-resolve --max-connections=60 --performance-schema=OFF "${more[@]}" "${@:4}"
    ;;
esac
