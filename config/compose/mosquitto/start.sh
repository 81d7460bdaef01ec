#!/bin/sh
# Starts Mosquitto with the passwords of a secret, hashed where only it can read them.
set -eu
umask 077
cp /run/secrets/mqtt_users /mosquitto/run/passwords
mosquitto_passwd -U /mosquitto/run/passwords
exec mosquitto -c /mosquitto/config/mosquitto.conf
