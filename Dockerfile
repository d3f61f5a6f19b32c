# The application without its engines: PostgreSQL and Valkey are services beside it (see deploy/compose.yaml).
# For letters as PDF: docker build --build-arg LETTERS=yes
ARG LETTERS=no

FROM python:3.11-slim AS builder
ARG LETTERS
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /venv
COPY requirements.runtime.lock requirements.letters.lock /tmp/
RUN if [ "$LETTERS" = yes ]; then lock=letters; else lock=runtime; fi \
    && /venv/bin/pip install --require-hashes -r "/tmp/requirements.$lock.lock"

FROM python:3.11-slim
ARG LETTERS
# Pango sets the letters; DejaVu has Latin, Greek, Cyrillic and Arabic: add the fonts of other scripts that you write in.
RUN if [ "$LETTERS" = yes ]; then apt-get update \
    && apt-get install -y --no-install-recommends libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0 fonts-dejavu-core \
    && rm -rf /var/lib/apt/lists/*; fi
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
