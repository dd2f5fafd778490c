#!/bin/sh
# In its container: Mosquitto reads these as its own account and wants them closed to others, and secrets come as the host has them.
set -eu
place() {
    cp "$1" "$2"
    chown mosquitto:mosquitto "$2"
    chmod 0400 "$2"
}
mkdir -p /etc/mosquitto/certs
place /run/secrets/mosquitto_ca /etc/mosquitto/certs/ca.crt
place /run/secrets/mosquitto_certificate /etc/mosquitto/certs/broker.crt
place /run/secrets/mosquitto_key /etc/mosquitto/certs/broker.key
place /usr/share/terroir/terroir.acl /etc/mosquitto/terroir.acl
# One `user:password` a line; hashed in the container's copy.
umask 077
rm -f /etc/mosquitto/terroir.passwd
cp /run/secrets/mosquitto_users /etc/mosquitto/terroir.passwd
chmod 0600 /etc/mosquitto/terroir.passwd
mosquitto_passwd -U /etc/mosquitto/terroir.passwd
chown mosquitto:mosquitto /etc/mosquitto/terroir.passwd
exec mosquitto -c /etc/mosquitto/mosquitto.conf
