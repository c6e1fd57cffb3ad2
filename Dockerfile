# One OMM. Everything that it keeps is in /var/lib/omm; the rest of the image may be read-only.
FROM python:3.12-slim-bookworm

ENV PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_ROOT_USER_ACTION=ignore \
    OMM_DATA_DIR=/var/lib/omm

RUN groupadd --gid 10001 omm && \
    useradd --uid 10001 --gid omm --home-dir /var/lib/omm --no-create-home omm && \
    install --directory --owner=omm --group=omm --mode=700 /var/lib/omm

WORKDIR /app
COPY requirements.txt ./
RUN pip install -r requirements.txt
COPY . ./
RUN python -m compileall -q .

USER omm
VOLUME /var/lib/omm
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-m", "omm_portal.node.healthcheck"]
CMD ["python", "manage.py", "omm"]
