#!/bin/sh
# Makes the secrets of docker-compose.yml in config/compose/secrets, each in a file of its own; what is there stays.
# Others on this machine cannot enter the folder; its files are for every user, since each container has another.
set -eu
umask 077
cd "$(dirname "$0")"
mkdir -p secrets
for name in mqtt_gateway mqtt_plant influxdb_password influxdb_token grafana_password intake_token; do
    [ -s "secrets/$name" ] || od -An -N32 -tx1 /dev/urandom | tr -d ' \n' > "secrets/$name"
done
printf 'gateway:%s\nplant:%s\n' "$(cat secrets/mqtt_gateway)" "$(cat secrets/mqtt_plant)" > secrets/mqtt_users
chmod 0644 secrets/*
