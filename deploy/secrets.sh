#!/bin/sh
# Make the secrets compose.yaml reads, in deploy/secrets/:
#   deploy/secrets.sh [NAME...]
# NAME: further names and addresses by which gateways reach the broker, for its certificate. What is there is kept, so it can be run
# again after an upgrade; remove secrets/mqtt/broker.crt to have the broker's certificate renewed.
#
# The files can be read by all, because each container reads them as an account of its own; the folder can be entered by its owner alone.
set -eu
cd "$(dirname "$0")"
umask 077
mkdir -p secrets

random() {
    openssl rand -hex 24
}

# keep FILE CONTENT
keep() {
    if [ ! -e "secrets/$1" ]; then
        printf '%s\n' "$2" >"secrets/$1"
        chmod 444 "secrets/$1"
    fi
}

for name in postgres owner ingest worker api backup grafana_database grafana_admin chirpstack_database chirpstack_mqtt terroir_mqtt; do
    keep "${name}_password" "$(random)"
done
keep chirpstack_api_secret "$(openssl rand -hex 32)"
keep mosquitto_users "chirpstack:$(cat secrets/chirpstack_mqtt_password)
terroir:$(cat secrets/terroir_mqtt_password)"

# database LOGIN
database() {
    echo "database_url = \"postgresql://terroir-$1:$(cat "secrets/$1_password")@timescaledb:5432/terroir\""
}
keep terroir_migrate.toml "$(database owner)"
keep terroir_ingest.toml "$(database ingest)
mqtt_password = \"$(cat secrets/terroir_mqtt_password)\""
keep terroir_ingest_http.toml "$(database ingest)
http_token = \"$(random)\""
# Where RabbitMQ is, and our password there, is for you to write: see docs/sources.md.
keep terroir_ingest_amqp.toml "$(database ingest)
# amqp_url = \"amqps://terroir@rabbit.example.org\"
# amqp_password = \"...\""
keep terroir_worker.toml "$(database worker)"
keep terroir_api.toml "$(database api)"

if [ ! -e secrets/mqtt/broker.crt ]; then
    mosquitto/certificates.sh secrets/mqtt mosquitto localhost 127.0.0.1 "$@"
    # ca.key stays closed: no container needs it. Better still, move it to where backups of keys are kept.
    chmod 444 secrets/mqtt/ca.crt secrets/mqtt/broker.crt secrets/mqtt/broker.key
fi
