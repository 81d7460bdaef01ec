from config.load import load
from flows.demo import TOKEN, Settings, farewell, influx_text, plant_text


def test_the_demo_writes_to_an_influxdb_that_is_named(tmp_path):
    file = tmp_path / "plant.toml"
    text = plant_text("mosquitto", {"mqtt": 1, "web": 2, "opcua": 3, "intake": 4})
    file.write_text(text + influx_text("http://127.0.0.1:8086", {TOKEN: "secret"}))
    plant = load(file)
    assert plant.influxdb is not None
    assert (plant.influxdb.url, plant.influxdb.bucket, plant.influxdb.token_env) == (
        "http://127.0.0.1:8086", "plumbline", TOKEN,
    )  # fmt: skip
    file.write_text(text + influx_text("http://127.0.0.1:8086", {}))
    assert load(file).token("influxdb", {}) is None
    file.write_text(text + influx_text(None, {TOKEN: "secret"}))
    assert load(file).influxdb is None


def test_it_says_at_its_end_how_to_see_the_plant_in_grafana():
    said = farewell(Settings(days=20))
    assert "docker compose -f docker-compose.yml -f docker-compose.demo.yml up" in said
    assert "plumbline demo --influxdb" in said
    # From 2026-10-08 08:00 in Shanghai, 26 working days on (Sundays are none): to 2026-11-07 08:00.
    assert "/d/plumbline-plant?from=1791417600000&to=1794009600000" in said
