#!/bin/sh
# The first start: a development authority with certificates for all services, and keys. What is there stays.
set -eu
umask 077
cd /srv/var
secret() { python3 -c 'import secrets; print(secrets.token_hex(32))'; }
[ -e certs/gateway.pem ] || gateway certs --directory certs --host gateway --host backend --host nats >/dev/null
[ -e masking.key ] || secret > masking.key
[ -e spool.key ] || secret > spool.key
if ! [ -e nats.login ]; then
  password=$(secret)
  echo "gateway:$password" > nats.login
  echo "authorization { user: gateway, password: \"$password\" }" > nats.auth
fi
