import { randomBytes } from 'node:crypto'
import { createServer as createTcp } from 'node:net'
import { createServer as createTls } from 'node:tls'
import { z } from 'zod'
import { makeAuthority } from '../servers/certificates.ts'
import type { House } from '../servers/revenant.ts'
import { startWebhookReceiver } from '../servers/webhook-receiver.ts'
import { openReceiver } from '../telemetry/otlp-receiver.ts'
import type { Marks } from './marks.ts'
import { openAnchorQuoters } from './receivers-anchors.ts'
import { openBrokerQuoters } from './receivers-brokers.ts'
import { openHttpQuoters, plantPem, type QuoterDeps } from './receivers-http.ts'

/** Adds an output to what is searched. `own`: kinds of marks that may be there, by how they begin. */
export type Note = (place: string, content: Buffer | string, options?: { mayBeEmpty?: boolean; own?: string }) => void

/** What the quoting systems are, on the least severe tier; alerts of the others are not for every receiver. */
export const TOLD_TIER = 'critical'

export type Receivers = Awaited<ReturnType<typeof openReceivers>>

/** One receiver for every sink there is, each with secrets of its own, and those who are told of checkpoints. */
export async function openReceivers(marks: Marks, env: Record<string, string>, house: House, elsewhere: string) {
  const authority = await makeAuthority()
  const [theirs, ours] = [await authority.issue(['127.0.0.1']), await authority.issue(['revenant'])]
  const deps: QuoterDeps = { marks, env, elsewhere, file: (name, text) => house.write(name, text) }
  const hook = await openHook(marks, env)
  const syslog = await openSyslog(authority.cert, theirs)
  plantPem(marks, 'syslog client key', ours.key)
  const files = {
    ca: house.write('receivers/ca.pem', authority.cert),
    cert: house.write('receivers/client.pem', ours.cert),
    key: house.write('receivers/client.key', ours.key),
  }
  const { quoter: anchorQuoter, anchors } = await openAnchorQuoters(deps, files.ca, house.folder)
  const sinks = [...(await openHttpQuoters(deps)), ...(await openBrokerQuoters(deps, theirs, authority.cert))]
  const quoters = [...sinks, anchorQuoter]
  const otlp = await openReceiver()
  Object.assign(env, {
    OTEL_EXPORTER_OTLP_ENDPOINT: otlp.url,
    OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
    OTEL_EXPORTER_OTLP_HEADERS: `x-api-key=${marks.plant('otlp header')}`,
    OTEL_BSP_SCHEDULE_DELAY: '200',
    OTEL_BLRP_SCHEDULE_DELAY: '200',
    OTEL_METRIC_EXPORT_INTERVAL: '500',
    OTEL_METRIC_EXPORT_TIMEOUT: '400',
    OTEL_LOG_LEVEL: 'debug',
  })
  const tls = { ca: `file:${files.ca}`, clientCert: `file:${files.cert}`, clientKey: `file:${files.key}` }
  const down = `http://127.0.0.1:${await portThatWasFree()}/`
  const alerts: Record<string, unknown>[] = [
    ...[
      { name: 'echo', sink: 'webhook', format: 'json', to: 'env:HOOK_URL', secret: 'env:HOOK_SECRET' },
      { name: 'down', sink: 'webhook', format: 'ocsf', to: down, secret: 'env:HOOK_SECRET' },
      { name: 'siem', sink: 'syslog', format: 'ocsf', to: `tls://127.0.0.1:${syslog.port}`, ...tls },
      { name: 'out', sink: 'stdout', format: 'json' },
      { name: 'lines', sink: 'file', format: 'ecs', to: house.path('alerts.jsonl'), heartbeat: '1m' },
      { name: 'together', sink: 'file', to: house.path('groups.jsonl'), group: { by: 'identity', wait: '1s' }, storm: '5/s' },
    ],
    ...sinks.flatMap(({ entries }) => entries.map((entry) => ({ ...entry, tiers: [TOLD_TIER] }))),
  ].map((entry) => ({ ...entry, minSeverity: 'info' }))
  return {
    alerts,
    anchors,
    /** How much came to each that takes everything. */
    delivered: () => [
      hook.received().length,
      syslog.received().length,
      otlp.spans().length,
      otlp.logs().length,
      otlp.metrics().length,
    ],
    /** What each receiver has not done yet. */
    left: () => sinks.flatMap(({ name, left }) => left().map((turn) => `${name} ${turn}`)),
    /** To which nothing came yet. */
    silent: () => sinks.filter(({ received }) => received().length === 0).map(({ name }) => name),
    anchorsLeft: anchorQuoter.left,
    /** What each was sent, to see that its own secret came there. */
    wires: () => quoters.map(({ name, received }): [string, Buffer] => [name, received()]),
    note: (note: Note) => {
      note('alerts at the webhook', hook.received())
      note('alerts at the syslog server', syslog.received())
      note('telemetry at the OTLP receiver', otlp.everything())
      // An access token that one receiver of a pair gives is for the other.
      for (const { name, received } of quoters) note(`what ${name} was sent`, received(), { own: `sink ${name.split('-')[0]}` })
    },
    close: async () => {
      authority.remove()
      for (const quoter of quoters) await quoter.close()
      await syslog.close()
      await hook.close()
      await otlp.close()
    },
  }
}

/** A webhook that takes every alert, most of the time, and quotes its signature and its secret path. */
async function openHook(marks: Marks, env: Record<string, string>) {
  const key = randomBytes(32)
  marks.plantBytes('webhook signing secret', key)
  env.HOOK_SECRET = `whsec_${key.toString('base64')}`
  const path = `/hook/${marks.plant('webhook path')}`
  const hook = await startWebhookReceiver({
    path,
    respond: (response, { headers, body }) => {
      const quote = `${String(headers['webhook-signature'])} ${path}`
      response.writeHead(hook.received.length % 3 === 1 ? 500 : 200, { 'x-echo': quote, location: quote, 'retry-after': '1' })
      response.end(`${quote} ${body}`)
    },
  })
  env.HOOK_URL = hook.url
  return { received: () => JSON.stringify(hook.received.map(({ headers, body }) => [headers, body])), close: hook.close }
}

async function openSyslog(ca: string, own: { cert: string; key: string }) {
  let received = ''
  const server = createTls({ ...own, ca, requestCert: true, rejectUnauthorized: false }, (socket) => {
    socket.on('data', (chunk: Buffer) => (received += chunk.toString())).on('error', () => {})
  })
  server.listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  return {
    port: portOf(server),
    received: () => received,
    close: async () => void server.close(),
  }
}

async function portThatWasFree(): Promise<number> {
  const server = createTcp().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const port = portOf(server)
  await new Promise((resolve) => server.close(resolve))
  return port
}

function portOf(server: { address(): unknown }): number {
  return z.object({ port: z.number() }).parse(server.address()).port
}
