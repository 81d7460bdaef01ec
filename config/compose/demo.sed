# flows/demo.toml for docker-compose.demo.yml: where the parts of the demo are, and where their secrets lie.
/^\[connectors\.\(gateways\|oven\)\]$/,/^$/ {
    s|^host = .*|host = "mosquitto"|
    s|^username = .*|username = "gateway"\npassword_file = "/run/secrets/mqtt_gateway"|
}
/^\[connectors\.press\]$/,/^$/ s|127\.0\.0\.1:4840|simulation:4840|
/^\[connectors\.gauges\]$/,/^$/ {
    s|^port = 8081$|host = "0.0.0.0"\nport = 8081\nentry_url = "http://gateway:8081"|
    s|^token_file = .*|token_file = "/run/secrets/intake_token"|
}
/^\[web\]$/,/^$/ {
    s|^host = .*|host = "0.0.0.0"\npublic_urls = ["http://127.0.0.1:8080"]\ninternal_url = "http://web:8080"|
}
$a\
\
[influxdb]\
url = "http://influxdb:8086"\
token_file = "/run/secrets/influxdb_token"\
\
[storage]\
directory = "/var/lib/plumbline"
