import { OP } from '../../probes/ldap/message.ts'
import { openScript, response } from '../probes/ldap-script.ts'
import { type Behaviour, closedPort, openHostile, sayOnAccept } from '../servers/hostile.ts'
import { type Asked, basicOf, type Given, openHttp } from '../servers/hostile-http.ts'
import { startSshServer } from '../servers/sshServer.ts'

/** Systems that quote whatever they are sent, wherever their protocol has room for it. */
export interface Downstream {
  /** Secrets that open a door. */
  live: Set<string>
  /** What each server was sent: the wire to the registered origins. */
  wire(): Buffer
  /** What the server that nobody registered was sent, by redirects, realms and a configuration that points at it. */
  elsewhere(): Buffer
  http: string
  elsewhereOrigin: string
  postgresPort: number
  ldapPort: number
  /** `keys`: the mark that lives or dies with a public key. */
  ssh: { port: number; hostKey: string; keys: Map<string, string> }
  /** Says this in its greeting, over SSH. */
  greeting(text: string): Promise<number>
  closedPort: number
  stop(): Promise<void>
}

export async function openDownstream(): Promise<Downstream> {
  const live = new Set<string>()
  const closers: (() => Promise<void>)[] = []
  const elsewhere = await openHttp(() => ({ status: 200, body: { login: 'somebody', token: 'a.b.c' } }))
  const http = await openHttp((asked) => quoting(asked, live, elsewhere.origin))
  const postgres = await openHostile(quotingPostgres(live))
  const ldap = await openScript(({ id, op, bytes }) => {
    const secret = passwordOf(bytes)
    const known = live.has(secret)
    if (op === OP.bindRequest) {
      bound = secret
      return [response(id, OP.bindResponse, known ? { code: 0, diagnostic: secret } : { code: 49, diagnostic: secret })]
    }
    return op === OP.extendedRequest
      ? [response(id, OP.extendedResponse, { code: 0, value: `u:${bound}`, diagnostic: bound })]
      : []
  })
  let bound = ''
  const passwords: string[] = []
  const keys = new Map<string, string>()
  const ssh = await startSshServer((request) => {
    if (request.method === 'password') passwords.push(request.password)
    if (request.method === 'publickey') passwords.push(`key of ${request.username}`)
    const known =
      (request.method === 'password' && live.has(request.password)) ||
      (request.method === 'publickey' && live.has(keys.get(request.key.data.toString('base64')) ?? ''))
    if (known) request.accept()
    else request.reject(['password', 'publickey'])
  })
  closers.push(elsewhere.stop, http.stop, postgres.stop, ldap.stop, ssh.stop)
  return {
    live,
    wire: () => Buffer.concat([bytesOf(http.asked), postgres.received(), ldap.received(), Buffer.from(passwords.join('\n'))]),
    elsewhere: () => bytesOf(elsewhere.asked),
    http: http.origin,
    elsewhereOrigin: elsewhere.origin,
    postgresPort: postgres.port,
    ldapPort: ldap.port,
    ssh: { port: ssh.port, hostKey: ssh.hostKey, keys },
    greeting: async (text) => {
      const server = await openHostile(sayOnAccept(`${text}\r\nSSH-2.0-${text} ${text}\r\n${text}`))
      closers.push(server.stop)
      return server.port
    },
    closedPort: await closedPort(),
    stop: async () => {
      for (const close of closers.toReversed()) await close()
    },
  }
}

function bytesOf(asked: readonly Asked[]): Buffer {
  const text = asked.map(
    ({ url, headers, body }) => `${url}\n${JSON.stringify(headers)}\n${basicOf({ url, headers, body, method: '' })}\n${body}`,
  )
  return Buffer.from(text.join('\n'))
}

/** The secret that a request carries, wherever it stands. */
function presented(asked: Asked): string | undefined {
  const { authorization, cookie } = asked.headers
  const query = new URL(asked.url, 'http://x').searchParams.get('key')
  const header = asked.headers['x-api-key'] ?? asked.headers['x-vault-token']
  const basic = basicOf(asked)
  return (
    (typeof header === 'string' ? header : undefined) ??
    query ??
    /^session=(.+)$/.exec(cookie ?? '')?.[1] ??
    basic?.slice(basic.indexOf(':') + 1) ??
    /^(?:Bearer|token) (.+)$/i.exec(authorization ?? '')?.[1]
  )
}

/** An authorization server that quotes token and client. A successor is its predecessor with a sign behind it: the mark is in both. */
function quotingOauth(asked: Asked, live: ReadonlySet<string>): Given {
  const form = new URLSearchParams(asked.body)
  const token = form.get('refresh_token') ?? form.get('token') ?? ''
  const said = `${token} ${decodeURIComponent(basicOf(asked) ?? '')}`
  const quotes = {
    error_description: said,
    error_uri: `https://example.com/?${asked.body}`,
    username: said,
    sub: said,
    client_id: said,
  }
  const headers = { 'x-echo': said, server: said, 'www-authenticate': `Basic realm="${said}"` }
  const known = live.has(token.replace(/~+$/, ''))
  if (asked.url.endsWith('/introspect')) return { status: 200, headers, body: { ...quotes, active: known } }
  return known
    ? { status: 200, headers, body: { ...quotes, token_type: said, access_token: `${token}.`, refresh_token: `${token}~` } }
    : { status: 400, headers, body: { ...quotes, error: 'invalid_grant', error_codes: said, suberror: said } }
}

function quoting(asked: Asked, live: ReadonlySet<string>, elsewhere: string): Given {
  if (asked.url.startsWith('/oauth/')) return quotingOauth(asked, live)
  const secret = presented(asked)
  if (secret === undefined)
    return { status: 401, headers: { 'www-authenticate': 'Bearer realm="api", Basic realm="api"' }, body: {} }
  const spelt = {
    secret,
    base64: Buffer.from(secret).toString('base64'),
    hex: Buffer.from(secret).toString('hex'),
    url: `${elsewhere}/?token=${encodeURIComponent(secret)}`,
  }
  const headers = {
    'x-echo': secret,
    'set-cookie': `session=${secret}`,
    link: `<${spelt.url}>; rel="next"`,
    location: spelt.url,
    server: secret,
    'retry-after': secret,
  }
  if (asked.url.startsWith('/redirect')) return { status: 302, headers, body: secret }
  if (asked.url.startsWith('/page'))
    return {
      status: 200,
      headers: { ...headers, 'content-type': 'text/html' },
      body: `<html><input type="password" value="${secret}"></html>`,
    }
  if (asked.url.startsWith('/limited')) return { status: 429, headers, body: { error: secret } }
  if (asked.url.startsWith('/broken')) return { status: 503, headers, body: secret }
  if (asked.url.startsWith('/v2/'))
    return {
      status: 401,
      headers: { ...headers, 'www-authenticate': `Bearer realm="${elsewhere}/token?k=${secret}",service="${secret}"` },
      body: {},
    }
  if (live.has(secret)) return { status: 200, headers, body: { ...whoIs(asked.url, spelt), ...spelt } }
  const challenge = `Bearer realm="${secret}", error="invalid_token", error_description="${secret}", error_uri="${spelt.url}"`
  return {
    status: asked.url.startsWith('/v1/') ? 403 : 401,
    headers: { ...headers, 'www-authenticate': challenge, 'x-seraph-loginreason': `AUTHENTICATED_FAILED ${secret}` },
    body: {
      message: `Bad credentials ${secret}`,
      code: secret,
      errors: ['permission denied', 'invalid token', secret],
      error: secret,
    },
  }
}

/** Who is signed in, says the system: the secret itself, in the spelling that the path asks for. */
function whoIs(url: string, { secret, base64, hex }: { secret: string; base64: string; hex: string }): object {
  const who = url.includes('base64') ? base64 : url.includes('hex') ? hex : url.includes('part') ? secret.slice(-14) : secret
  return {
    login: who,
    emailAddress: who,
    accountId: who,
    active: true,
    data: { display_name: who, policies: [who], ttl: 1 },
  }
}

/** Asks for the password in clear, and quotes it in every field of its answer. */
function quotingPostgres(live: ReadonlySet<string>): Behaviour {
  const message = (type: string, body: Buffer) => {
    const head = Buffer.alloc(5)
    head.write(type)
    head.writeInt32BE(body.length + 4, 1)
    return Buffer.concat([head, body])
  }
  const int = (value: number) => Buffer.from([0, 0, 0, value])
  return (socket) => {
    let asked = false
    socket.on('data', (chunk: Buffer) => {
      if (!asked) {
        asked = true
        socket.write(message('R', int(3)))
        return
      }
      const password = chunk.subarray(5, -1).toString()
      if (live.has(password)) {
        const parameter = (name: string) => message('S', Buffer.from(`${name}\0${password}\0`))
        socket.write(
          Buffer.concat([
            message('R', int(0)),
            parameter('session_authorization'),
            parameter('server_version'),
            parameter(password),
            message('Z', Buffer.from('I')),
          ]),
        )
        return
      }
      const fields = [...'SVMDHRFstcdnWPpqL'].map((field) => `${field}${password}\0`).join('')
      socket.end(message('E', Buffer.from(`C28P01\0${fields}\0`)))
    })
  }
}

/** The password of a simple bind: the last element of the request. */
function passwordOf(bytes: Buffer): string {
  const text = bytes.toString('latin1')
  return /(MARK-[\w-]+)/.exec(text)?.[1] ?? ''
}
