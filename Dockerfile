# syntax=docker/dockerfile:1

# The image brings Node itself: the pinned binaries of package.json are optional dependencies and stay out.
ARG NODE=node:26.10.0-bookworm-slim

FROM $NODE AS packages
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# No install script is needed: everything that is not JavaScript is optional.
RUN npm ci --omit=dev --omit=optional --ignore-scripts && npm cache clean --force

# The page: built with the development dependencies, of which nothing but the page goes on.
FROM $NODE AS page
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts
COPY vite.config.ts tsconfig.json ./
COPY src ./src
RUN npm run build:page

FROM $NODE
LABEL org.opencontainers.image.title="Revenant" \
      org.opencontainers.image.description="Replays the credentials of terminated identities and tells which still open a door" \
      org.opencontainers.image.licenses="Apache-2.0"
# Two arenas are enough for one busy thread; glibc would keep eight for each core.
ENV NODE_ENV=production MALLOC_ARENA_MAX=2 NODE_OPTIONS="--expose-gc --v8-pool-size=1 --max-semi-space-size=4"
WORKDIR /app
COPY --from=packages /app/node_modules ./node_modules
COPY package.json LICENSE ./
COPY migrations ./migrations
COPY probes ./probes
COPY src ./src
COPY config ./config
COPY --from=page /app/dist ./dist
# The shipped configuration writes to ./data, which is the volume: all the rest may be read-only.
RUN mkdir -m 0700 /data && chown node:node /data && ln -s /data /app/data
VOLUME /data
# By number, so that an orchestrator can tell that it is not root.
USER 1000:1000
STOPSIGNAL SIGTERM
# Asked from inside, where the configuration of REVENANT_CONFIG says that the daemon listens.
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s --retries=3 \
  CMD ["node", "src/main.ts", "health"]
ENTRYPOINT ["node", "src/main.ts"]
CMD ["run"]
