# The application without its engines: PostgreSQL and Valkey are services beside it (see deploy/compose.yaml).
FROM python:3.11-slim AS builder
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /venv
COPY requirements.runtime.lock /tmp/requirements.runtime.lock
RUN /venv/bin/pip install --require-hashes -r /tmp/requirements.runtime.lock

FROM python:3.11-slim
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin puntual \
    && install -d -o puntual -g puntual /srv/puntual /srv/puntual/.data
WORKDIR /srv/puntual
COPY --from=builder /venv /venv
COPY alembic.ini ./
COPY migrations ./migrations
COPY app ./app
RUN python -m compileall -q app migrations
USER 10001:10001
EXPOSE 8000
# Of the API. A worker has its own, on the port of its metrics.
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/healthz', timeout=2).read()"]
# Finishes what is in flight within PUNTUAL_SHUTDOWN_SECONDS (10).
STOPSIGNAL SIGTERM
CMD ["python", "-m", "app", "serve", "--host", "0.0.0.0"]
