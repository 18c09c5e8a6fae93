import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import { z } from 'zod'
import { FINDING_EVENTS, SEVERITIES } from '../domain/finding.ts'
import { readBody, sendJson, startHttp } from './http-server.ts'

const payload = z.object({
  type: z.string(),
  timestamp: z.iso.datetime(),
  data: z.object({
    id: z.string(),
    dedupKey: z.string(),
    event: z.enum(FINDING_EVENTS),
    title: z.string(),
    finding: z.object({ severity: z.enum(SEVERITIES) }),
  }),
})

/** An alert that came with a valid signature: the fields that the demo shows, and the whole of it. */
export interface ReceivedAlert {
  id: string
  dedupKey: string
  /** When the finding's event happened. */
  at: Temporal.Instant
  event: z.infer<typeof payload>['data']['event']
  severity: z.infer<typeof payload>['data']['finding']['severity']
  title: string
  /** The body, byte for byte what was signed. */
  body: string
}

export interface Receiver {
  readonly url: string
  /** `whsec_…`: what signs the deliveries. */
  readonly secret: string
  stop(): Promise<void>
}

const MAX_BODY_BYTES = 1_048_576
/** How far a delivery's clock may be off: the tolerance of the Standard Webhooks libraries. */
const TOLERANCE_S = 300

/**
 * A webhook receiver that takes only what is signed (Standard Webhooks 1.0.0). 401: no valid signature; 400: no alert of
 * format `json`. A delivery that comes again is answered with 200 and told of once.
 */
export async function startReceiver(onAlert: (alert: ReceivedAlert) => void): Promise<Receiver> {
  const key = randomBytes(32)
  const seen = new Set<string>()
  const receive = async (request: IncomingMessage, response: ServerResponse) => {
    if (request.method !== 'POST') return sendJson(response, 405, { error: 'method_not_allowed' }, { allow: 'POST' })
    const body = await readBody(request, MAX_BODY_BYTES)
    if (body === undefined) return sendJson(response, 413, { error: 'too_large' }, { connection: 'close' })
    if (!isSigned(request.headers, body, key, Date.now())) return sendJson(response, 401, { error: 'bad_signature' })
    const alert = parseAlert(body)
    if (alert === undefined) return sendJson(response, 400, { error: 'not_an_alert' })
    sendJson(response, 200, { ok: true })
    if (seen.has(alert.id)) return
    seen.add(alert.id)
    onAlert(alert)
  }
  // What can fail here is reading the body: the sender hung up, and there is nobody to answer.
  const server = await startHttp((request, response) => void receive(request, response).catch(() => response.destroy()))
  return { url: `${server.url}/alerts`, secret: `whsec_${key.toString('base64')}`, stop: server.stop }
}

function isSigned(headers: IncomingHttpHeaders, body: string, key: Buffer, nowMs: number): boolean {
  const [id, timestamp, signatures] = ['webhook-id', 'webhook-timestamp', 'webhook-signature'].map((name) => headers[name])
  if (typeof id !== 'string' || typeof timestamp !== 'string' || typeof signatures !== 'string') return false
  if (!/^\d{1,12}$/.test(timestamp) || Math.abs(nowMs / 1_000 - Number(timestamp)) > TOLERANCE_S) return false
  const expected = createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest()
  return signatures.split(' ').some((signature) => {
    const given = Buffer.from(/^v1,([A-Za-z0-9+/]+=*)$/.exec(signature)?.[1] ?? '', 'base64')
    return given.length === expected.length && timingSafeEqual(given, expected)
  })
}

function parseAlert(body: string): ReceivedAlert | undefined {
  const parsed = payload.safeParse(parseJson(body))
  if (!parsed.success) return undefined
  const { timestamp, data } = parsed.data
  const { id, dedupKey, event, title, finding } = data
  return { id, dedupKey, event, title, severity: finding.severity, at: Temporal.Instant.from(timestamp), body }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
