#!/bin/sh
# An authority of our own and a certificate for the broker, valid for the names and addresses given:
#   certificates.sh FOLDER NAME...
# FOLDER gets ca.crt (give it to whoever connects), ca.key (keep it away from the broker), broker.crt and broker.key. Run again
# to renew the broker's certificate: an authority that is there is kept, so nobody who trusts it has to change anything.
set -eu

if [ $# -lt 2 ]; then
    echo "usage: $0 FOLDER NAME..." >&2
    exit 2
fi
folder=$1
shift
alternatives=
for name in "$@"; do
    case $name in
    '' | *[!0-9A-Za-z.:-]*)
        echo "$0: not a host name or an address: '$name'" >&2
        exit 2
        ;;
    *:*) kind=IP ;;
    *[!0-9.]*) kind=DNS ;;
    *.*.*.*) kind=IP ;;
    *) kind=DNS ;;
    esac
    alternatives="${alternatives:+$alternatives,}$kind:$name"
done

umask 077
mkdir -p "$folder"
cd "$folder"
if [ ! -e ca.key ]; then
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -noenc -keyout ca.key -out ca.crt \
        -days 3650 -subj "/CN=Terroir MQTT authority" \
        -addext basicConstraints=critical,CA:TRUE,pathlen:0 -addext keyUsage=critical,keyCertSign,cRLSign
fi
openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -noenc -keyout broker.key -out broker.csr -subj "/CN=$1"
printf '%s\n' "subjectAltName=$alternatives" basicConstraints=CA:FALSE keyUsage=critical,digitalSignature \
    extendedKeyUsage=serverAuth >broker.ext
openssl x509 -req -in broker.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 825 -sha256 -extfile broker.ext -out broker.crt
rm broker.csr broker.ext
chmod 644 ca.crt broker.crt
