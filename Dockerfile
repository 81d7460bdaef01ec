# syntax=docker/dockerfile:1
# One image for all processes of Plumbline, and for the simulated plant of docker-compose.demo.yml.
ARG PYTHON=3.12-slim-bookworm

FROM python:${PYTHON} AS build
WORKDIR /src
RUN python -m venv /opt/plumbline
COPY requirements.runtime.lock ./
RUN /opt/plumbline/bin/python -m pip install --no-cache-dir --disable-pip-version-check --no-deps --only-binary :all: --require-hashes --requirement requirements.runtime.lock
COPY pyproject.toml README.md LICENSE ./
COPY rules rules
COPY config config
COPY connectors connectors
COPY flows flows
COPY okr okr
COPY board board
RUN /opt/plumbline/bin/python -m pip install --no-cache-dir --disable-pip-version-check --no-deps --no-build-isolation .
# The charts' machine code, made on the machine that builds the image; config/compose/start.sh says how it is found.
RUN NUMBA_CACHE_DIR=/opt/plumbline/compiled /opt/plumbline/bin/python -P -m flows.compilation
RUN grep -m 4 -E '^(cpu family|model|flags|Features|CPU)' /proc/cpuinfo > /opt/plumbline/compiled/processor
# The demo's plant, with the names that its parts have here: as the gateway sees it, and as the simulation does.
RUN mkdir /opt/plumbline/demo
RUN sed -f config/compose/demo.sed flows/demo.toml > /opt/plumbline/demo/plant.toml
RUN sed -e 's/^username = "gateway"$/username = "plant"/' -e 's/mqtt_gateway/mqtt_plant/' /opt/plumbline/demo/plant.toml > /opt/plumbline/demo/simulation.toml

FROM python:${PYTHON}
RUN groupadd --gid 10001 plumbline && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin plumbline && install --directory --owner=10001 --group=10001 --mode=0700 /var/lib/plumbline
COPY --from=build /opt/plumbline /opt/plumbline
COPY --chmod=0755 config/compose/start.sh /opt/plumbline/bin/start
ENV PATH=/opt/plumbline/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 10001:10001
WORKDIR /var/lib/plumbline
ENTRYPOINT ["/opt/plumbline/bin/start"]
CMD ["--help"]
