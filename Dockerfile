# One OMM. Data, logs and the pair's secrets are in /var/lib/omm; nothing else is written.
FROM python:3.12-slim-bookworm

ENV PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    OMM_DATA_DIR=/var/lib/omm

RUN useradd --system --uid 10001 --home-dir /var/lib/omm --create-home omm

WORKDIR /app
COPY requirements.txt ./
RUN pip install -r requirements.txt
COPY manage.py ./
COPY omm_portal ./omm_portal
COPY standby ./standby
COPY rfps ./rfps
COPY templates ./templates
COPY static ./static
COPY locale ./locale
RUN python -m compileall -q omm_portal standby rfps

USER omm
VOLUME /var/lib/omm
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5s --timeout=3s --start-period=30s --retries=3 CMD ["python", "-m", "omm_portal.node.healthcheck"]
CMD ["python", "manage.py", "omm"]
