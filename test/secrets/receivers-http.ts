import { createHash, generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Marks } from './marks.ts'

/** A receiver of alerts that knows the secrets of its sink and quotes them wherever its protocol has room. */
export interface Quoter {
  /** The name of its entries, and of the kinds of its marks: `sink NAME: …`. */
  name: string
  entries: readonly Record<string, unknown>[]
  /** Every byte that came. */
  received(): Buffer
  /** What it has not done yet of all that it may do; empty once it has been through everything. */
  left(): readonly string[]
  close(): Promise<void>
}

/** What the plans need. */
export interface QuoterDeps {
  marks: Marks
  /** Where references lead. */
  env: Record<string, string>
  /** Writes a file and answers its path: for sinks whose secret is one. */
  file(name: string, text: string): string
  /** A server that nobody registered. */
  elsewhere: string
}

/** What an HTTP receiver does, one after the other. Few failures in a row: after five the sink waits. */
const TURNS = [
  'takes it',
  'refuses it',
  'shows a page',
  'takes it',
  'sends it elsewhere',
  'shows a page with 200',
  'takes it',
  'is busy',
  'says nothing',
  'takes it',
  'says garbage',
] as const
type Turn = (typeof TURNS)[number]

/** A token is needed for everything else. */
const LOGIN_TURNS = ['takes it', 'takes it', 'refuses it', 'takes it'] as const satisfies readonly Turn[]

interface Asked {
  path: string
  headers: IncomingMessage['headers']
  body: string
}

interface Reply {
  status: number
  type?: string
  body?: string
}

interface Plan {
  name: string
  /** `to` is where the receiver listens, without a path. */
  entries(to: string): readonly Record<string, unknown>[]
  /** Whatever is quoted. */
  secrets: readonly string[]
  /** The path where tokens are given, which has turns of its own. */
  login?: string
  /** Left out: all. */
  turns?: readonly Turn[]
  /** The vendor's success, with the quote in each field that may hold text. */
  takes(asked: Asked, quote: string): Reply
}

/** Opens one receiver for each HTTP sink of the registry. */
export async function openHttpQuoters(deps: QuoterDeps): Promise<Quoter[]> {
  return Promise.all(plans(deps).map((plan) => openQuoter(plan, deps.elsewhere)))
}

function plans(deps: QuoterDeps): Plan[] {
  return [
    signedHook(deps),
    splunk(deps),
    elastic(deps),
    ...sentinel(deps),
    secops(deps),
    otlp(deps),
    slack(deps),
    teams(deps),
    pagerduty(deps),
    ssf(deps),
    jira(deps),
    aws('sqs', deps),
    aws('sns', deps),
  ]
}

const jsonReply = (status: number, body: object): Reply => ({ status, type: 'application/json', body: JSON.stringify(body) })

function signedHook({ marks, env }: QuoterDeps): Plan {
  const seed = randomBytes(32)
  marks.plantBytes('sink hook: Ed25519 key', seed)
  const path = `/hook/${marks.plant('sink hook: path')}`
  env.SINK_HOOK_KEY = `whsk_${seed.toString('base64')}`
  return {
    name: 'hook',
    entries: (to) => {
      env.SINK_HOOK_URL = `${to}${path}`
      const entry = { sink: 'webhook', to: 'env:SINK_HOOK_URL', secret: 'env:SINK_HOOK_KEY', timeout: '3s' }
      return [{ ...entry, name: 'hook', format: 'json', heartbeat: '1m' }]
    },
    secrets: [path, env.SINK_HOOK_KEY],
    takes: (_asked, quote) => ({ status: 200, body: quote }),
  }
}

function splunk({ marks, env }: QuoterDeps): Plan {
  const token = marks.plant('sink splunk: token')
  env.SINK_SPLUNK = token
  return {
    name: 'splunk',
    entries: (to) => [
      {
        sink: 'splunk-hec',
        name: 'splunk',
        to,
        secret: 'env:SINK_SPLUNK',
        ack: true,
        timeout: '3s',
        heartbeat: '1m',
      },
    ],
    secrets: [token],
    takes: ({ path }, quote) =>
      path.startsWith('/services/collector/ack')
        ? jsonReply(200, { acks: { 1: true, [quote]: true } })
        : jsonReply(200, { text: quote, code: 0, ackId: 1 }),
  }
}

function elastic({ marks, env }: QuoterDeps): Plan {
  const password = marks.plant('sink elastic: password')
  env.SINK_ELASTIC = password
  return {
    name: 'elastic',
    entries: (to) => [
      {
        sink: 'elasticsearch',
        name: 'elastic',
        to,
        username: 'revenant',
        secret: 'env:SINK_ELASTIC',
        timeout: '3s',
        format: 'ecs',
      },
    ],
    secrets: [password],
    takes: (_asked, quote) =>
      jsonReply(200, { took: 1, items: [{ create: { _id: quote, _index: quote, result: quote, status: 201 } }] }),
  }
}

const GUID = '11111111-2222-4333-8444-555555555555'

/** The endpoint and who gives the token for it, which is a secret too. */
function sentinel({ marks, env }: QuoterDeps): Plan[] {
  const secret = marks.plant('sink sentinel: client secret')
  const token = marks.plant('sink sentinel: access token')
  env.SINK_SENTINEL = secret
  let authority = ''
  return [
    {
      name: 'sentinel-login',
      entries: (to) => {
        authority = to
        return []
      },
      secrets: [secret, token],
      // Its failures would come on top of those of the endpoint; google-secops has a token refused as well.
      turns: ['takes it'],
      takes: (_asked, quote) => jsonReply(200, { access_token: token, expires_in: 1, scope: quote }),
    },
    {
      name: 'sentinel',
      entries: (to) => [
        {
          sink: 'sentinel',
          name: 'sentinel',
          to,
          secret: 'env:SINK_SENTINEL',
          dcr: `dcr-${'0'.repeat(32)}`,
          tenant: 'contoso.example',
          clientId: GUID,
          authority,
          timeout: '3s',
          format: 'ocsf',
        },
      ],
      secrets: [secret, token],
      takes: () => ({ status: 204 }),
    },
  ]
}

function secops({ marks, file }: QuoterDeps): Plan {
  const key = pem(generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey)
  plantPem(marks, 'sink secops: key', key)
  const token = marks.plant('sink secops: access token')
  const account = { type: 'service_account', client_email: 'revenant@example.com', private_key: key, private_key_id: 'k1' }
  const path = file('receivers/secops.json', JSON.stringify(account))
  return {
    name: 'secops',
    entries: (to) => [
      {
        sink: 'google-secops',
        name: 'secops',
        to,
        authority: `${to}/token`,
        project: 'p',
        location: 'eu',
        instance: GUID,
        secret: `file:${path}`,
        timeout: '3s',
        format: 'udm',
      },
    ],
    secrets: [token, key.split('\n')[5] ?? ''],
    login: '/token',
    takes: ({ path: at }, quote) =>
      at === '/token' ? jsonReply(200, { access_token: token, expires_in: 1, scope: quote }) : jsonReply(200, { id: quote }),
  }
}

function otlp({ marks, env }: QuoterDeps): Plan {
  const key = marks.plant('sink collector: api key')
  env.SINK_OTLP = key
  return {
    name: 'collector',
    entries: (to) => [
      {
        sink: 'otlp',
        name: 'collector',
        to,
        secret: 'env:SINK_OTLP',
        header: 'x-api-key',
        encoding: 'json',
        timeout: '3s',
        format: 'json',
        heartbeat: '1m',
      },
    ],
    secrets: [key],
    takes: (_asked, quote) => jsonReply(200, { partialSuccess: { rejectedLogRecords: 0, errorMessage: quote } }),
  }
}

function slack({ marks, env }: QuoterDeps): Plan {
  const path = `/services/T0/B0/${marks.plant('sink slack: path')}`
  return {
    name: 'slack',
    entries: (to) => {
      env.SINK_SLACK = `${to}${path}`
      return [
        {
          sink: 'slack',
          name: 'slack',
          to: 'env:SINK_SLACK',
          timeout: '3s',
        },
      ]
    },
    secrets: [path],
    takes: () => ({ status: 200, body: 'ok' }),
  }
}

/** The URL stands in the configuration as it is, which it should not, and can. */
function teams({ marks }: QuoterDeps): Plan {
  const query = `/workflows/w/triggers/manual/paths/invoke?sig=${marks.plant('sink teams: sig')}`
  return {
    name: 'teams',
    entries: (to) => [{ sink: 'teams', name: 'teams', to: `${to}${query}`, timeout: '3s' }],
    secrets: [query],
    takes: (_asked, quote) => jsonReply(202, { id: quote }),
  }
}

function pagerduty({ marks, env }: QuoterDeps): Plan {
  const key = marks.plantBare('sink pager: routing key').padEnd(32, 'x')
  env.SINK_PAGER = key
  return {
    name: 'pager',
    entries: (to) => [{ sink: 'pagerduty', name: 'pager', to: `${to}/v2/enqueue`, secret: 'env:SINK_PAGER', timeout: '3s' }],
    secrets: [key],
    takes: (_asked, quote) => jsonReply(202, { status: 'success', message: quote, dedup_key: quote }),
  }
}

function ssf({ marks, env, file }: QuoterDeps): Plan {
  const key = pem(generateKeyPairSync('ed25519').privateKey)
  plantPem(marks, 'sink signals: signing key', key)
  const token = marks.plant('sink signals: bearer')
  env.SINK_SSF = `Bearer ${token}`
  const path = file('receivers/ssf.pem', key)
  return {
    name: 'signals',
    entries: (to) => [
      {
        sink: 'ssf',
        name: 'signals',
        to: `${to}/events`,
        secret: 'env:SINK_SSF',
        signingKey: `file:${path}`,
        issuer: 'https://revenant.example',
        audience: 'https://receiver.example',
        timeout: '3s',
      },
    ],
    secrets: [token, key.split('\n')[1] ?? ''],
    takes: () => ({ status: 202 }),
  }
}

function jira({ marks, env }: QuoterDeps): Plan {
  const key = marks.plant('sink jira: key')
  env.SINK_JIRA = key
  return {
    name: 'jira-alerts',
    entries: (to) => [
      { sink: 'jira-service-management', name: 'jira-alerts', to: `${to}/v2/alerts`, secret: 'env:SINK_JIRA', timeout: '3s' },
    ],
    secrets: [key],
    takes: (_asked, quote) => jsonReply(202, { result: quote, requestId: quote }),
  }
}

/** The key of AWS signs and never travels; the service knows it all the same. */
function aws(kind: 'sqs' | 'sns', { marks, env }: QuoterDeps): Plan {
  // Letters and digits only, as an error code of AWS is.
  const key = marks.plantBare(`sink ${kind}: secret access key`)
  const variable = `SINK_${kind.toUpperCase()}`
  env[variable] = key
  const common = {
    sink: kind,
    name: kind,
    secret: `env:${variable}`,
    accessKeyId: 'AKIAEXAMPLEEXAMPLE',
    timeout: '3s',
    format: 'json',
  }
  return {
    name: kind,
    entries: (to) => [
      kind === 'sqs'
        ? { ...common, region: 'eu-west-1', to: `${to}/123456789012/alerts.fifo` }
        : { ...common, to: 'arn:aws:sns:eu-west-1:123456789012:alerts', endpoint: to },
    ],
    secrets: [key],
    takes: ({ body }) =>
      kind === 'sqs'
        ? jsonReply(200, { MessageId: key, SequenceNumber: key, MD5OfMessageBody: md5(messageOf(body)) })
        : {
            status: 200,
            type: 'text/xml',
            body: `<PublishResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishResult><MessageId>${key}</MessageId><SequenceNumber>${key}</SequenceNumber></PublishResult></PublishResponse>`,
          },
  }
}

function messageOf(body: string): string {
  const parsed: unknown = JSON.parse(body)
  return typeof parsed === 'object' && parsed !== null && 'MessageBody' in parsed ? String(parsed.MessageBody) : ''
}

function md5(text: string): string {
  return createHash('md5').update(text).digest('hex')
}

function pem(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }).toString()
}

/** The lines of a PEM file that no other key of its kind has. */
export function plantPem(marks: Marks, kind: string, text: string): void {
  const lines = text.trim().split('\n').slice(1, -1)
  // The head of a short key is the algorithm's; what begins after it is the key's own.
  for (const line of lines) marks.plantBytes(kind, Buffer.from(lines.length === 1 ? line.slice(22) : line))
}

async function openQuoter(plan: Plan, elsewhere: string): Promise<Quoter> {
  const chunks: Buffer[] = []
  const all = plan.turns ?? TURNS
  const left = new Set<Turn>(all)
  let turns = 0
  let logins = 0
  const server = createServer((request, response) => {
    const parts: Buffer[] = []
    request.on('data', (chunk: Buffer) => parts.push(chunk))
    request.on('end', () => {
      const asked = { path: request.url ?? '/', headers: request.headers, body: Buffer.concat(parts).toString() }
      chunks.push(Buffer.from(`${asked.path}\n${JSON.stringify(asked.headers)}\n`), Buffer.concat(parts))
      const signsIn = asked.path === plan.login
      const turn = signsIn ? LOGIN_TURNS[logins++ % LOGIN_TURNS.length] : all[turns++ % all.length]
      if (turn === undefined) throw new Error('no turn is left')
      left.delete(turn)
      answer(turn, asked, response, { plan, elsewhere })
    })
  })
  server.listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as AddressInfo
  return {
    name: plan.name,
    entries: plan.entries(`http://127.0.0.1:${port}`),
    received: () => Buffer.concat(chunks),
    left: () => [...left],
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections()
        server.close(() => resolve())
      }),
  }
}

function answer(turn: Turn, asked: Asked, response: ServerResponse, { plan, elsewhere }: { plan: Plan; elsewhere: string }) {
  const [first = ''] = plan.secrets
  // A line of a header, whatever was sent in one.
  const quote = [...plan.secrets, String(asked.headers.authorization ?? '')].join(' ')
  const link = `${elsewhere}/?token=${encodeURIComponent(quote)}`
  const headers = { 'x-echo': quote, 'set-cookie': `session=${first}`, link: `<${link}>; rel="next"`, server: quote }
  const page = `<html><form action="${link}"><input type="password" value="${quote}"></form>${asked.body}</html>`
  const send = (status: number, more: Record<string, string>, body?: string) =>
    void response.writeHead(status, { ...headers, ...more }).end(body)
  switch (turn) {
    case 'takes it': {
      const { status, type = 'text/plain', body } = plan.takes(asked, quote)
      return send(status, { 'content-type': type }, body)
    }
    case 'refuses it':
      return send(
        401,
        {
          'content-type': 'application/json',
          'www-authenticate': `Bearer realm="${quote}", error="${first}"`,
          'retry-after': quote,
        },
        JSON.stringify(errorsOf(first, asked)),
      )
    case 'shows a page':
      return send(401, { 'content-type': 'text/html' }, page)
    case 'shows a page with 200':
      return send(200, { 'content-type': 'text/html' }, page)
    case 'sends it elsewhere':
      return send(307, { location: link }, page)
    case 'is busy':
      return send(429, { 'retry-after': '1', 'content-type': 'text/plain' }, first)
    case 'says nothing':
      return undefined
    case 'says garbage':
      // The parser's error holds what it could not parse.
      response.socket?.end(`HTTP/1.1 200 ${quote}\r\n${quote}\r\n\r\n${quote}`)
      return undefined
  }
}

/** Every vendor's error document at once, the secret in the place of each code. */
function errorsOf(secret: string, asked: Asked): object {
  return {
    code: secret,
    text: secret,
    message: `bad ${secret}`,
    error: { code: secret, type: secret, reason: asked.body, message: secret },
    err: secret,
    error_codes: [secret],
    errors: [secret],
    __type: `com.amazon.coral.service#${secret}`,
    Message: secret,
  }
}
