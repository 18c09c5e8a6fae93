import { z } from 'zod'
import type { VaultAuth, VaultConfig } from '../../domain/secret-manager.ts'
import type { ReadReference } from '../local-reference.ts'
import { type Answer, answered, type ManagerHttp, openHttp, pemOf, type Question, segments } from './http.ts'
import { type ManagedPlace, ManagerError, type SecretManager, TIMEOUT_MS } from './manager.ts'
import { type Lease, openTokens, type Tokens } from './tokens.ts'
import { openTurnstile } from './turnstile.ts'

/**
 * HashiCorp Vault and OpenBao by their HTTP API, of which only what both document is used: KV v1 and v2, the methods token, AppRole,
 * Kubernetes and cert, and transit.
 */
export function openVault(config: VaultConfig, readLocal: ReadReference, clock?: () => number): SecretManager {
  const http = openHttp(config.address, () => tlsOf(config, readLocal))
  const turn = openTurnstile()
  const plain = (question: Omit<Question, 'headers'>, token?: string) => ask(http, config.namespace, question, token)
  const tokens = openTokens({
    login: (signal) => login(config.auth, readLocal, plain, signal),
    renew: (token, signal) => renew(plain, token, signal),
    ...(clock === undefined ? {} : { clock }),
  })
  const keepAlive = openKeepAlive(config.auth, tokens)
  const authorised = <T>(question: Omit<Question, 'headers' | 'signal'>, understand: (answer: Answer) => T) =>
    turn(async (signal) => {
      const answer = await withToken(tokens, signal, (token) => plain({ ...question, signal }, token))
      keepAlive.plan()
      return understand(answer)
    })
  return {
    read: async (place) => {
      const { path, unpack } = secretAt(config, place)
      return authorised({ method: 'GET', path }, unpack)
    },
    keys: {
      wrap: async (key, secret, mount = 'transit') =>
        authorised(
          {
            method: 'POST',
            path: `/v1${segments(mount, 'encrypt', key)}`,
            json: { plaintext: Buffer.from(secret).toString('base64') },
          },
          (answer) => answered(encrypted, answer, HINTS).data.ciphertext,
        ),
      unwrap: async (key, ciphertext, mount = 'transit') =>
        authorised({ method: 'POST', path: `/v1${segments(mount, 'decrypt', key)}`, json: { ciphertext } }, (answer) =>
          Buffer.from(answered(decrypted, answer, HINTS).data.plaintext, 'base64'),
        ),
    },
    close: async () => {
      keepAlive.stop()
      await http.close()
    },
  }
}

type Plain = (question: Omit<Question, 'headers'>, token?: string) => Promise<Answer>

/** What Vault means by a status that others use otherwise. */
const HINTS = { 503: 'sealed, or not ready' }

const fields = z.record(z.string(), z.unknown())
const version1 = z.object({ data: fields })
const version2 = z.object({ data: z.object({ data: fields }) })
const auth = z.object({
  auth: z.object({ client_token: z.string().min(1), lease_duration: z.number(), renewable: z.boolean() }),
})
const encrypted = z.object({ data: z.object({ ciphertext: z.string().min(1) }) })
const decrypted = z.object({ data: z.object({ plaintext: z.base64() }) })

async function ask(http: ManagerHttp, namespace: string | undefined, question: Omit<Question, 'headers'>, token?: string) {
  return http.ask({
    ...question,
    headers: {
      // Asked for by clients so that a forged request from a browser is told apart.
      'x-vault-request': 'true',
      ...(token === undefined ? {} : { 'x-vault-token': token }),
      ...(namespace === undefined ? {} : { 'x-vault-namespace': namespace }),
    },
  })
}

/** Asks with the token that is held; where that is refused and a new one can be had, once more with the new one. */
async function withToken(tokens: Tokens, signal: AbortSignal, work: (token: string) => Promise<Answer>): Promise<Answer> {
  const token = await tokens.get(signal)
  const first = await work(token)
  if (first.status !== 403) return first
  // Vault says 403 for a token that it does not know any more, too.
  return tokens.drop(token) ? work(await tokens.get(signal)) : first
}

/** Where a secret is, by the version of the engine whose mount its path begins with. */
function secretAt({ kv }: VaultConfig, { path, version }: ManagedPlace): { path: string; unpack: (answer: Answer) => string } {
  const mount = Object.keys(kv)
    .toSorted((a, b) => b.length - a.length)
    .find((each) => path.startsWith(`${each}/`))
  if (mount === undefined)
    throw new ManagerError(
      'unfit',
      `has no KV engine that this path begins with: name its mount in kv (known: ${Object.keys(kv).join(', ')})`,
    )
  const rest = path.slice(mount.length + 1)
  if (kv[mount] === 2) {
    if (version !== undefined && !/^[1-9][0-9]*$/.test(version)) throw new ManagerError('unfit', 'numbers its versions: 1, 2, …')
    const query = version === undefined ? '' : `?version=${version}`
    return {
      path: `/v1${segments(mount, 'data', rest)}${query}`,
      unpack: (answer) => JSON.stringify(answered(version2, answer, HINTS).data.data),
    }
  }
  if (version !== undefined) throw new ManagerError('unfit', 'keeps no versions in a KV engine of version 1')
  return { path: `/v1${segments(mount, rest)}`, unpack: (answer) => JSON.stringify(answered(version1, answer, HINTS).data) }
}

function leaseOf(answer: Answer): Lease {
  const { client_token: token, lease_duration: seconds, renewable } = answered(auth, answer, HINTS).auth
  return { token, livesMs: seconds > 0 ? seconds * 1_000 : undefined, renewable }
}

async function login(method: VaultAuth, read: ReadReference, plain: Plain, signal: AbortSignal): Promise<Lease> {
  if (method.method === 'token') return given(await read(method.token), plain, signal)
  const path = `/v1${segments('auth', method.mount, 'login')}`
  const answer = await plain({ method: 'POST', path, json: await proofOf(method, read), signal })
  // 400 is what Vault says to wrong credentials.
  if (answer.status === 400 || answer.status === 403)
    throw new ManagerError('refused', `refused the login by ${method.method} (${answer.status})`)
  return leaseOf(answer)
}

async function proofOf(method: Exclude<VaultAuth, { method: 'token' }>, read: ReadReference): Promise<Record<string, string>> {
  if (method.method === 'approle') return { role_id: method.roleId, secret_id: await read(method.secretId) }
  if (method.method === 'kubernetes') return { role: method.role, jwt: await read(method.jwt) }
  return method.role === undefined ? {} : { name: method.role }
}

/** A token that somebody made. One that may renew itself says so, and for how long it is good; others are used as they are. */
async function given(token: string, plain: Plain, signal: AbortSignal): Promise<Lease> {
  return renew(plain, token, signal).catch((error: unknown) => {
    if (error instanceof ManagerError && error.fault === 'unreachable') throw error
    return { token, livesMs: undefined, renewable: false }
  })
}

async function renew(plain: Plain, token: string, signal: AbortSignal): Promise<Lease> {
  return leaseOf(await plain({ method: 'POST', path: '/v1/auth/token/renew-self', json: {}, signal }, token))
}

async function tlsOf({ caFile, auth: method }: VaultConfig, read: ReadReference) {
  const ca = caFile === undefined ? {} : { ca: await pemOf(caFile) }
  return method.method === 'cert' ? { ...ca, cert: await read(method.cert), key: await read(method.key) } : ca
}

/** The longest that a timer can wait. */
const LONGEST_MS = 2 ** 31 - 1
const AGAIN_MS = 30_000

/** A token that was given dies where nobody renews it while nothing is asked; one that we logged in for does not matter. */
function openKeepAlive(method: VaultAuth, tokens: Tokens): { plan(): void; stop(): void } {
  let timer: NodeJS.Timeout | undefined
  let stopped = false
  const plan = (soonestMs = 1_000) => {
    const due = method.method === 'token' ? tokens.dueInMs() : undefined
    if (due === undefined || timer !== undefined || stopped) return
    timer = setTimeout(
      () => {
        timer = undefined
        // What fails here fails at the next reading as well, and is said there.
        void tokens.get(AbortSignal.timeout(TIMEOUT_MS)).then(
          () => plan(),
          () => plan(AGAIN_MS),
        )
      },
      Math.min(Math.max(due, soonestMs), LONGEST_MS),
    ).unref()
  }
  return {
    plan: () => plan(),
    stop: () => {
      stopped = true
      clearTimeout(timer)
    },
  }
}
