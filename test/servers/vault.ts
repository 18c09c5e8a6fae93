import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { type Asked, type HttpReceiver, type Reply, startHttpReceiver } from './http-receiver.ts'
import type { Pair } from './tls.ts'

/**
 * The answers that Vault's and OpenBao's HTTP API documents, served on loopback: no package of npm or Debian has either of them. KV v2 at
 * `secret/`, KV v1 at `old/`, transit at `transit/`, and the logins of AppRole, Kubernetes and cert. It is no Vault: it knows what these tests need.
 */
export interface VaultAnswers extends HttpReceiver {
  /** Versions of each secret of KV v2, oldest first; null: deleted. */
  readonly kv2: Map<string, (Record<string, unknown> | null)[]>
  readonly kv1: Map<string, Record<string, unknown>>
  /** Tokens that are good; what logs in gets a new one. */
  readonly tokens: Set<string>
  /** Paths that a good token may not read. */
  readonly forbidden: Set<string>
  /** Of the tokens that are handed out; 0: without end. */
  leaseSeconds: number
  renewable: boolean
  /** Instead of any answer: nothing at all, or this one. */
  instead: 'hang' | Reply | undefined
  logins(): number
  renewals(): number
}

/** What logs in, by method. */
export const VAULT_LOGIN = { roleId: 'role-of-revenant', secretId: 'secret-id-Qx7', jwt: 'jwt-of-the-pod-Lw2', role: 'revenant' }

export async function startVault(tls?: Pair): Promise<VaultAnswers> {
  const kv2: VaultAnswers['kv2'] = new Map()
  const kv1: VaultAnswers['kv1'] = new Map()
  const tokens = new Set<string>()
  const forbidden = new Set<string>()
  const transit = openTransit()
  let logins = 0
  let renewals = 0
  const state: Pick<VaultAnswers, 'leaseSeconds' | 'renewable' | 'instead'> = {
    leaseSeconds: 1_200,
    renewable: true,
    instead: undefined,
  }
  const granted = (token: string): Reply => ({
    status: 200,
    body: {
      ...EMPTY,
      auth: {
        renewable: state.renewable,
        lease_duration: state.leaseSeconds,
        metadata: null,
        token_policies: ['default', 'revenant'],
        accessor: 'fd6c9a00-d2dc-3b11-0be5-af7ae0e1d374',
        client_token: token,
      },
    },
  })
  const login = (asked: Asked): Reply => {
    const given: unknown = JSON.parse(asked.body.toString())
    const wanted = LOGINS[asked.path]
    if (wanted === undefined || JSON.stringify(given) !== JSON.stringify(wanted))
      return { status: 400, body: { errors: ['invalid role or secret ID'] } }
    logins++
    const token = `hvs.${randomBytes(12).toString('hex')}`
    tokens.add(token)
    return granted(token)
  }
  const read2 = ({ path, query }: Asked): Reply => {
    const versions = kv2.get(decodeURIComponent(path.slice('/v1/secret/data/'.length)))
    const version = Number(query.get('version') ?? versions?.length ?? 0)
    const data = versions?.[version - 1]
    if (data === undefined) return { status: 404, body: { errors: [] } }
    const metadata = {
      created_time: '2026-11-22T08:00:00.000000Z',
      custom_metadata: null,
      deletion_time: data === null ? '2026-11-22T09:00:00.000000Z' : '',
      destroyed: false,
      version,
    }
    return { status: data === null ? 404 : 200, body: { ...EMPTY, data: { data, metadata } } }
  }
  const read1 = ({ path }: Asked): Reply => {
    const data = kv1.get(decodeURIComponent(path.slice('/v1/old/'.length)))
    return data === undefined
      ? { status: 404, body: { errors: [] } }
      : { status: 200, body: { ...EMPTY, lease_duration: 2_764_800, data } }
  }
  const answer = (asked: Asked): Reply | undefined => {
    if (state.instead === 'hang') return undefined
    if (state.instead !== undefined) return state.instead
    if (/^\/v1\/auth\/[^/]+\/login$/.test(asked.path)) return login(asked)
    const token = asked.headers['x-vault-token']
    if (typeof token !== 'string' || !tokens.has(token) || forbidden.has(asked.path))
      return { status: 403, body: { errors: ['permission denied'] } }
    if (asked.path === '/v1/auth/token/renew-self') {
      if (!state.renewable) return { status: 400, body: { errors: ['lease is not renewable'] } }
      renewals++
      return granted(token)
    }
    if (asked.path.startsWith('/v1/secret/data/')) return read2(asked)
    if (asked.path.startsWith('/v1/old/')) return read1(asked)
    if (asked.path.startsWith('/v1/transit/')) return transit(asked)
    return { status: 404, body: { errors: [`no handler for route "${asked.path.slice('/v1/'.length)}"`] } }
  }
  const server = await startHttpReceiver(answer, tls)
  return Object.assign(state, { ...server, kv2, kv1, tokens, forbidden, logins: () => logins, renewals: () => renewals })
}

const EMPTY = {
  request_id: '0f8a4f2c-6f4c-5e0a-8f2e-6f2a5b1b7a11',
  lease_id: '',
  renewable: false,
  lease_duration: 0,
  wrap_info: null,
  warnings: null,
  auth: null,
}

const LOGINS: Readonly<Record<string, Record<string, string>>> = {
  '/v1/auth/approle/login': { role_id: VAULT_LOGIN.roleId, secret_id: VAULT_LOGIN.secretId },
  '/v1/auth/kubernetes/login': { role: VAULT_LOGIN.role, jwt: VAULT_LOGIN.jwt },
  '/v1/auth/cert/login': { name: VAULT_LOGIN.role },
}

/** A key of each name that is asked for; AES-256-GCM, as transit's aes256-gcm96. */
function openTransit(): (asked: Asked) => Reply {
  const keys = new Map<string, Buffer>()
  return ({ path, body }) => {
    const [, operation, name = ''] = /^\/v1\/transit\/(encrypt|decrypt)\/([^/]+)$/.exec(path) ?? []
    const given = JSON.parse(body.toString()) as { plaintext?: string; ciphertext?: string }
    if (operation === 'encrypt') {
      const key = keys.get(name) ?? randomBytes(32)
      keys.set(name, key)
      const nonce = randomBytes(12)
      const cipher = createCipheriv('aes-256-gcm', key, nonce)
      const sealed = Buffer.concat([nonce, cipher.update(given.plaintext ?? '', 'base64'), cipher.final(), cipher.getAuthTag()])
      return { status: 200, body: { ...EMPTY, data: { ciphertext: `vault:v1:${sealed.toString('base64')}`, key_version: 1 } } }
    }
    const key = keys.get(name)
    const sealed = Buffer.from((given.ciphertext ?? '').replace(/^vault:v1:/, ''), 'base64')
    if (key === undefined) return { status: 400, body: { errors: ['encryption key not found'] } }
    try {
      const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, 12))
      decipher.setAuthTag(sealed.subarray(-16))
      const plain = Buffer.concat([decipher.update(sealed.subarray(12, -16)), decipher.final()])
      return { status: 200, body: { ...EMPTY, data: { plaintext: plain.toString('base64') } } }
    } catch {
      return { status: 400, body: { errors: ['cipher: message authentication failed'] } }
    }
  }
}
