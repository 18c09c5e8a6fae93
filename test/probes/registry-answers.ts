import { expect } from 'vitest'
import { loadProbe } from '../../probes/registry.ts'
import type { Reason } from '../../src/domain/reason.ts'
import type { Strength, Verdict } from '../../src/domain/verdict.ts'
import { replay } from '../conformance/replay.ts'
import { type Asked, basicOf, type Given, openHttp } from '../servers/hostile-http.ts'

/** A registry that speaks the distribution specification's token flow; the answers are those the verdict cases record. */
export interface RegistryRow {
  name: string
  cases?: readonly string[]
  secret: unknown
  registry: (asked: Asked, origins: { registry: string; token: string }) => Given
  token?: (asked: Asked) => Given
  target?: object
  verdict: Verdict
  reason: Reason
  strength?: Strength
  principal?: string
  /** How often each is asked. */
  asks: [registry: number, token: number]
}

export const SECRET = { username: 'alice', password: 'dckr_pat_ABCDEFGHIJKLMNOPQRSTUVW' }
const jwt = (claims: object) => `e30.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.c2ln`
const errors = (code: string) => ({ errors: [{ code, message: 'x' }] })
export const bearerAt: RegistryRow['registry'] = (_asked, { token }) => ({
  status: 401,
  headers: { 'www-authenticate': `Bearer realm="${token}/token",service="registry.example"` },
  body: errors('UNAUTHORIZED'),
})
const basicAt: RegistryRow['registry'] = (asked) =>
  basicOf(asked) === 'alice:dckr_pat_ABCDEFGHIJKLMNOPQRSTUVW'
    ? { status: 200, headers: { 'docker-distribution-api-version': 'registry/2.0' }, body: {} }
    : { status: 401, headers: { 'www-authenticate': 'Basic realm="r"' }, body: errors('UNAUTHORIZED') }

export const REGISTRY_ROWS: readonly RegistryRow[] = [
  {
    name: 'Basic accepted',
    cases: ['v663'],
    secret: SECRET,
    registry: basicAt,
    verdict: 'accepted',
    reason: 'authenticated',
    asks: [2, 0],
  },
  {
    name: 'Basic refused',
    secret: { ...SECRET, password: 'wrong' },
    registry: basicAt,
    verdict: 'rejected',
    reason: 'invalid_credentials',
    strength: 'weak',
    asks: [2, 0],
  },
  {
    name: 'open registry',
    cases: ['v664'],
    secret: SECRET,
    registry: () => ({ status: 200, body: {} }),
    verdict: 'inconclusive',
    reason: 'endpoint_unauthenticated',
    asks: [1, 0],
  },
  {
    name: 'bad bearer',
    cases: ['v667'],
    secret: { token: jwt({ sub: 'alice' }) },
    registry: () => ({
      status: 401,
      headers: { 'www-authenticate': 'Bearer realm="x",service="s",error="invalid_token"' },
      body: errors('UNAUTHORIZED'),
    }),
    verdict: 'rejected',
    reason: 'token_invalid',
    strength: 'strong',
    asks: [2, 0],
  },
  {
    name: 'token for nobody',
    cases: ['v668'],
    secret: SECRET,
    registry: bearerAt,
    token: () => ({ status: 200, body: { token: jwt({ sub: '' }) } }),
    verdict: 'inconclusive',
    reason: 'ambiguous',
    asks: [1, 1],
  },
  {
    name: 'token without a subject',
    cases: ['v668'],
    secret: SECRET,
    registry: bearerAt,
    token: () => ({ status: 200, body: { token: jwt({}) } }),
    verdict: 'inconclusive',
    reason: 'ambiguous',
    asks: [1, 1],
  },
  {
    name: 'opaque token',
    cases: ['v668'],
    secret: SECRET,
    registry: bearerAt,
    token: () => ({ status: 200, body: { token: 'opaque' } }),
    verdict: 'inconclusive',
    reason: 'ambiguous',
    asks: [1, 1],
  },
  {
    name: 'opaque token where none is free',
    secret: SECRET,
    target: { tokenIsProof: true },
    registry: bearerAt,
    token: () => ({ status: 200, body: { token: 'opaque' } }),
    verdict: 'accepted',
    reason: 'authenticated',
    asks: [1, 1],
  },
  {
    name: 'token for alice',
    secret: SECRET,
    registry: bearerAt,
    token: (asked) => ({ status: 200, body: { access_token: jwt({ sub: basicOf(asked)?.split(':')[0] }) } }),
    verdict: 'accepted',
    reason: 'authenticated',
    principal: 'alice',
    asks: [1, 1],
  },
  {
    name: 'token refused',
    cases: ['v669'],
    secret: SECRET,
    registry: bearerAt,
    token: () => ({ status: 401, body: { details: 'incorrect username or password' } }),
    verdict: 'rejected',
    reason: 'invalid_credentials',
    strength: 'weak',
    asks: [1, 1],
  },
  {
    name: 'GitLab, a right password beside a second factor',
    secret: SECRET,
    registry: bearerAt,
    token: () => ({
      status: 401,
      body: { errors: [{ code: 'UNAUTHORIZED', message: 'HTTP Basic: Access denied. … you’re required to use a token' }] },
    }),
    verdict: 'rejected',
    reason: 'invalid_credentials',
    strength: 'weak',
    asks: [1, 1],
  },
  {
    name: 'second factor',
    secret: SECRET,
    registry: bearerAt,
    token: () => ({ status: 401, body: { login_2fa_token: 'x' } }),
    verdict: 'accepted',
    reason: 'mfa_required',
    asks: [1, 1],
  },
  {
    name: 'too many requests',
    cases: ['v670'],
    secret: SECRET,
    registry: () => ({ status: 429, body: errors('TOOMANYREQUESTS') }),
    verdict: 'inconclusive',
    reason: 'rate_limited',
    asks: [1, 0],
  },
  {
    name: 'denied',
    secret: SECRET,
    registry: bearerAt,
    token: () => ({ status: 403, body: errors('DENIED') }),
    verdict: 'inconclusive',
    reason: 'ambiguous',
    asks: [1, 1],
  },
  {
    name: 'token server elsewhere',
    secret: SECRET,
    registry: () => ({ status: 401, headers: { 'www-authenticate': 'Bearer realm="https://evil.example/token"' } }),
    verdict: 'inconclusive',
    reason: 'config_error',
    asks: [1, 0],
  },
  {
    name: 'a login page with 401',
    secret: SECRET,
    registry: bearerAt,
    token: () => ({ status: 401, headers: { 'content-type': 'text/html', 'www-authenticate': 'Negotiate' }, body: '<html>' }),
    verdict: 'inconclusive',
    reason: 'auth_method_unsupported',
    asks: [1, 1],
  },
]

/** Drives one row: two real servers, the real dispatcher. */
export async function driveRegistry(row: RegistryRow) {
  const token = await openHttp((asked) => row.token?.(asked) ?? { status: 500 })
  const registry = await openHttp((asked) => row.registry(asked, { registry: registry.origin, token: token.origin }))
  try {
    const bound = (await loadProbe('docker-registry')).bind({ url: registry.origin, tokenOrigin: token.origin, ...row.target })
    expect(bound.origins).toEqual([registry.origin, token.origin])
    const replayed = await replay(bound, bound.secret(row.secret))
    expect(replayed.thrown).toBeUndefined()
    return { judgement: replayed.judgement, text: replayed.text, registry: registry.asked, token: token.asked }
  } finally {
    await Promise.all([registry.stop(), token.stop()])
  }
}
