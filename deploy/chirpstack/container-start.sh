#!/bin/sh
# In its container: ChirpStack takes passwords from its environment only, and they come as files.
set -eu
CHIRPSTACK_DATABASE_PASSWORD=$(cat /run/secrets/chirpstack_database_password)
CHIRPSTACK_API_SECRET=$(cat /run/secrets/chirpstack_api_secret)
CHIRPSTACK_MQTT_PASSWORD=$(cat /run/secrets/chirpstack_mqtt_password)
export CHIRPSTACK_DATABASE_PASSWORD CHIRPSTACK_API_SECRET CHIRPSTACK_MQTT_PASSWORD
exec /usr/bin/chirpstack -c /etc/chirpstack
