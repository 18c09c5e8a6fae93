/**
 * A transmitter of shared signals, written from SSF 1.0, RFC 8935 and RFC 8936: no identity provider's is to be had here. Its keys are made
 * with jose and published by a real OpenID provider.
 */
import { generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type CryptoKey, exportJWK, generateKeyPair, type JWK, type JWTPayload, jwtVerify, SignJWT } from 'jose'
import { z } from 'zod'
import { type OidcServer, startOidc } from './oidc.ts'

export interface TransmitterStream {
  stream_id: string
  iss: string
  aud: string
  delivery: { method: string; endpoint_url?: string | undefined; authorization_header?: string | undefined }
  events_requested: string[]
  min_verification_interval: number
}

export interface Asked {
  method: string
  path: string
  authorization: string | undefined
  body: unknown
}

export interface SsfTransmitter {
  issuer: string
  configurationUrl: string
  audience: string
  /** Everything that it was asked with a right. */
  asked: Asked[]
  streams: Map<string, TransmitterStream>
  /** Tokens that wait to be polled, by jti. */
  waiting: Map<string, string>
  /** What was said of them, by jti. */
  refused: Map<string, unknown>
  /** What becomes of a poll that refuses tokens: it is lost on its way, or its answer is. */
  loses: 'nothing' | 'refusals' | 'answers'
  status: 'enabled' | 'paused' | 'disabled'
  /** Whether it answers a verification. */
  echoes: boolean
  /** Other claims of the streams that it makes. */
  streamClaims: Partial<TransmitterStream>
  /** Its keys cannot be had. */
  keysGone: boolean
  critical: string[]
  /** How it says that it delivers. */
  methods: string[]
  /** What it lets its client in by, beside the key. */
  clientSecret: string
  /** The next token that it gives. */
  nextToken: () => string
  /** What opens its management, beside the tokens that it gives. */
  granted: Set<string>
  /** A token with the common claims; those that are given undefined are left out. */
  sign(claims: Record<string, unknown>, header?: { typ?: string | undefined; kid?: string }): Promise<string>
  /** Another key signs from now on. @param keep the old one is published still */
  rotate(options: { keep: boolean }): Promise<void>
  stop(): Promise<void>
}

export const STATIC_TOKEN = 'ssf-management-token-Qq7Qq7Qq7Qq7'
export const OAUTH = { id: 'revenant-client', secret: 'ssf-client-secret-Rr8Rr8Rr8Rr8+/=' }

const client = generateKeyPairSync('ec', { namedCurve: 'P-256' })
/** PEM of the key with which the client signs assertions. */
export const CLIENT_KEY = client.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()

interface Key {
  privateKey: CryptoKey
  jwk: JWK
}

/** @param now its clock */
export async function startSsfTransmitter(now: () => Temporal.Instant): Promise<SsfTransmitter> {
  let keys: [Key, ...Key[]] = [await newKey()]
  let publisher = await publish(keys)
  let n = 0
  const http = createServer((request, response) => {
    answer(request).then(
      ({ status, body }) => {
        response.writeHead(status, { 'content-type': 'application/json', connection: 'close' })
        response.end(body === undefined ? '' : JSON.stringify(body))
      },
      (error: unknown) => {
        response.writeHead(500).end(String(error))
      },
    )
  })
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  const { port } = http.address() as AddressInfo
  const issuer = `http://127.0.0.1:${port}`

  const self: SsfTransmitter = {
    issuer,
    configurationUrl: `${issuer}/.well-known/ssf-configuration`,
    audience: 'https://revenant.example.com',
    asked: [],
    streams: new Map(),
    waiting: new Map(),
    refused: new Map(),
    loses: 'nothing',
    status: 'enabled',
    echoes: true,
    streamClaims: {},
    keysGone: false,
    critical: [],
    methods: ['urn:ietf:rfc:8935', 'urn:ietf:rfc:8936'],
    clientSecret: OAUTH.secret,
    nextToken: () => `granted-token-${++n}-Ss9Ss9Ss9`,
    granted: new Set([STATIC_TOKEN]),
    sign: (claims, header = {}) => {
      const [{ privateKey, jwk }] = keys
      const payload: JWTPayload = {
        ...{ iss: issuer, aud: self.audience, jti: `jti-${++n}`, iat: Math.floor(now().epochMilliseconds / 1_000) },
        ...claims,
      }
      const { typ, kid } = { typ: 'secevent+jwt', kid: jwk.kid, ...header }
      return new SignJWT(payload)
        .setProtectedHeader({ alg: 'ES256', ...(typ === undefined ? {} : { typ }), ...(kid === undefined ? {} : { kid }) })
        .sign(privateKey)
    },
    rotate: async ({ keep }) => {
      keys = [await newKey(), ...(keep ? keys : [])]
      await publisher.stop()
      publisher = await publish(keys)
    },
    stop: async () => {
      await publisher.stop()
      http.closeAllConnections()
      http.close()
      await once(http, 'close')
    },
  }
  return self

  async function answer(request: IncomingMessage): Promise<{ status: number; body?: unknown }> {
    const url = new URL(request.url ?? '/', issuer)
    const body = await bodyOf(request)
    const method = request.method ?? ''
    if (url.pathname === '/.well-known/ssf-configuration') return { status: 200, body: configuration() }
    if (url.pathname === '/jwks') return self.keysGone ? { status: 500 } : { status: 200, body: await published(publisher) }
    const { authorization } = request.headers
    self.asked.push({ method, path: url.pathname, authorization, body })
    if (url.pathname === '/token') return grant(authorization, z.record(z.string(), z.string()).parse(body))
    if (!self.granted.has((authorization ?? '').replace(/^(?:Bearer|SSWS) /, ''))) return { status: 401 }
    const id = url.searchParams.get('stream_id')
    if (url.pathname === '/streams') return manage(method, id, body)
    if (url.pathname === '/status')
      return self.streams.has(id ?? '') ? { status: 200, body: { stream_id: id, status: self.status } } : { status: 404 }
    if (url.pathname === '/verify') return verify(z.object({ stream_id: z.string(), state: z.string() }).parse(body))
    if (url.pathname === '/poll') return poll(body)
    return { status: 404 }
  }

  function configuration() {
    return {
      ...{ spec_version: '1_0', issuer, jwks_uri: `${issuer}/jwks`, critical_subject_members: self.critical },
      ...{ configuration_endpoint: `${issuer}/streams`, status_endpoint: `${issuer}/status` },
      ...{ verification_endpoint: `${issuer}/verify`, delivery_methods_supported: self.methods },
    }
  }

  async function grant(authorization: string | undefined, form: Record<string, string>) {
    if (form.grant_type !== 'client_credentials' || form.scope !== 'ssf.manage ssf.read') return { status: 400 }
    const basic = `Basic ${Buffer.from(`${OAUTH.id}:${encodeURIComponent(self.clientSecret)}`).toString('base64')}`
    const proven =
      form.client_assertion === undefined
        ? authorization === basic
        : await jwtVerify(form.client_assertion, client.publicKey, {
            ...{
              issuer: OAUTH.id,
              subject: OAUTH.id,
              audience: `${issuer}/token`,
              algorithms: ['ES256'],
              requiredClaims: ['jti', 'exp'],
            },
          }).then(
            () => true,
            () => false,
          )
    if (!proven) return { status: 401 }
    const token = self.nextToken()
    self.granted.add(token)
    return { status: 200, body: { access_token: token, token_type: 'Bearer', expires_in: 3_600 } }
  }

  function manage(method: string, id: string | null, body: unknown): { status: number; body?: unknown } {
    if (method === 'GET') return id === null ? { status: 200, body: [...self.streams.values()].map(shown) } : oneOf(id)
    const given = z
      .object({
        stream_id: z.string().optional(),
        delivery: z.object({
          method: z.string(),
          endpoint_url: z.string().optional(),
          authorization_header: z.string().optional(),
        }),
        events_requested: z.array(z.string()),
      })
      .parse(body)
    if (method === 'PATCH' && !self.streams.has(given.stream_id ?? '')) return { status: 404 }
    const stream: TransmitterStream = {
      ...{ stream_id: given.stream_id ?? `stream-${++n}`, iss: issuer, aud: self.audience, min_verification_interval: 60 },
      events_requested: given.events_requested,
      delivery:
        given.delivery.method === 'urn:ietf:rfc:8936' ? { ...given.delivery, endpoint_url: `${issuer}/poll` } : given.delivery,
      ...self.streamClaims,
    }
    self.streams.set(stream.stream_id, stream)
    return { status: method === 'POST' ? 201 : 200, body: shown(stream) }
  }

  function oneOf(id: string): { status: number; body?: unknown } {
    const stream = self.streams.get(id)
    return stream === undefined ? { status: 404 } : { status: 200, body: shown(stream) }
  }

  async function verify({ stream_id, state }: { stream_id: string; state: string }): Promise<{ status: number }> {
    const stream = self.streams.get(stream_id)
    if (stream === undefined) return { status: 404 }
    if (!self.echoes) return { status: 204 }
    const jti = `verification-${++n}`
    const token = await self.sign({
      ...{ jti, sub_id: { format: 'opaque', id: stream_id } },
      events: { 'https://schemas.openid.net/secevent/ssf/event-type/verification': { state } },
    })
    if (stream.delivery.method === 'urn:ietf:rfc:8936') self.waiting.set(jti, token)
    else await pushTo(stream, token)
    return { status: 204 }
  }

  function poll(body: unknown): { status: number; body: unknown } {
    const { maxEvents, ack, setErrs } = z
      .object({
        maxEvents: z.int(),
        returnImmediately: z.literal(true),
        ack: z.array(z.string()).default([]),
        setErrs: z.record(z.string(), z.object({ err: z.string(), description: z.string() })).default({}),
      })
      .parse(body)
    const isLost = Object.keys(setErrs).length > 0
    if (isLost && self.loses === 'refusals') return { status: 503, body: {} }
    for (const jti of ack) self.waiting.delete(jti)
    for (const [jti, said] of Object.entries(setErrs)) {
      self.refused.set(jti, said)
      self.waiting.delete(jti)
    }
    if (isLost && self.loses === 'answers') return { status: 503, body: {} }
    const most = Math.min(maxEvents, 3)
    return {
      status: 200,
      body: { sets: Object.fromEntries([...self.waiting].slice(0, most)), moreAvailable: self.waiting.size > most },
    }
  }
}

/** As a receiver is told: what it gave to be sent along is not told. */
function shown({ delivery: { authorization_header: _, ...delivery }, ...rest }: TransmitterStream) {
  return { ...rest, delivery }
}

async function pushTo({ delivery }: TransmitterStream, token: string): Promise<void> {
  const header = delivery.authorization_header
  const answer = await fetch(delivery.endpoint_url ?? '', {
    method: 'POST',
    body: token,
    headers: {
      ...{ 'content-type': 'application/secevent+jwt', accept: 'application/json', connection: 'close' },
      ...(header === undefined ? {} : { authorization: header }),
    },
  })
  if (answer.status !== 202) throw new Error(`the receiver answered ${answer.status}: ${await answer.text()}`)
}

async function newKey(): Promise<Key> {
  const { privateKey } = await generateKeyPair('ES256', { extractable: true })
  const jwk = await exportJWK(privateKey)
  return { privateKey, jwk: { ...jwk, kid: crypto.randomUUID(), alg: 'ES256', use: 'sig' } }
}

function publish(keys: readonly Key[]): Promise<OidcServer> {
  return startOidc(['http://127.0.0.1:9/callback'], { jwks: { keys: keys.map(({ jwk }) => ({ ...jwk, kty: 'EC' })) } })
}

async function published({ issuer }: OidcServer): Promise<unknown> {
  const answer = await fetch(`${issuer}/jwks`, { headers: { connection: 'close' } })
  return answer.json()
}

async function bodyOf(request: IncomingMessage): Promise<unknown> {
  const text = Buffer.concat(await Array.fromAsync(request, (chunk: Buffer) => Buffer.from(chunk))).toString()
  if (text === '') return undefined
  const isForm = request.headers['content-type'] === 'application/x-www-form-urlencoded'
  return isForm ? Object.fromEntries(new URLSearchParams(text)) : JSON.parse(text)
}
