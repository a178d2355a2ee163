# python:3.13-slim by its digest, so that the same files always make the same image. `make base` renews it.
ARG BASE=docker.io/library/python:3.13-slim@sha256:7c61056e61ac89e852de05f3dc6fa51a6dd2181797bceed46aa725dd7cb2cd3b

FROM ${BASE} AS build
COPY requirements.txt /build/
RUN python -m venv --without-pip /opt/lipsync-bot \
 && pip --python /opt/lipsync-bot/bin/python install --no-cache-dir --no-compile --require-hashes \
      --no-deps --requirement /build/requirements.txt
COPY bot /build/bot
COPY config.example.yaml /build/bot/
# Compiled here, and never again: the root file system may be read-only, and a copy may lose a file's time.
RUN cd /opt/lipsync-bot \
 && cp -R /build/bot lib/python3.*/site-packages/ \
 && printf '#!%s/bin/python\nfrom bot.__main__ import main\n\nmain()\n' "$PWD" >bin/lipsync-bot \
 && chmod 755 bin/lipsync-bot \
 && bin/python -m compileall -q --invalidation-mode unchecked-hash lib

FROM ${BASE}
LABEL org.opencontainers.image.title="lipsync-bot" \
      org.opencontainers.image.description="Tells a Slack channel, exactly once, when a Chanjing lip-sync video is ready or has failed" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="MIT"
RUN pip uninstall --yes --quiet --root-user-action=ignore pip \
 && rm -rf /usr/local/lib/python3.*/ensurepip \
 && useradd --uid 10001 --no-create-home --home-dir /data --shell /usr/sbin/nologin bot \
 && install -d -o bot -g bot -m 700 /data
COPY --from=build /opt/lipsync-bot /opt/lipsync-bot
COPY LICENSE /opt/lipsync-bot/
# The allocator gives freed memory back: otherwise what a first reading took stays taken.
ENV PATH=/opt/lipsync-bot/bin:$PATH \
    MALLOC_ARENA_MAX=1 \
    MALLOC_TRIM_THRESHOLD_=131072 \
    MALLOC_MMAP_THRESHOLD_=131072 \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    STATE_PATH=/data/state.json
USER 10001:10001
# config.yaml is looked for here too: --volume ./config.yaml:/data/config.yaml:ro
WORKDIR /data
VOLUME /data
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s CMD ["lipsync-bot", "health"]
ENTRYPOINT ["lipsync-bot"]
CMD ["run"]
