#!/bin/sh
# Starts the official Postgres image with a password of its own making.
#
# The password is drawn at the first start and kept in a volume that only the proxy shares; what the proxy
# reads is the whole URL of the database. So no password is in a file of this folder, in the environment of a
# container, or the same in two places that set it.
set -eu

# The group of the processes in the Offhook image.
readers=10001

cd /run/offhook
umask 077
if [ ! -s password ]; then
    od -An -N24 -tx1 /dev/urandom | tr -d ' \n' >password.new
    mv password.new password
fi
# Written at every start: the address of the database may have changed.
echo "postgres://$POSTGRES_USER:$(cat password)@$DATABASE_ADDRESS/$POSTGRES_DB" >database_url.new
chgrp "$readers" database_url.new
chmod 0440 database_url.new
mv database_url.new database_url
umask 022

cd /
export POSTGRES_PASSWORD_FILE=/run/offhook/password
exec docker-entrypoint.sh "$@"
