import type { ServerMetadata } from 'openid-client'
import type { Judgement } from '../../src/domain/answer.ts'
import type { HttpAnswer } from '../../src/probe/http-answer.ts'
import type { AttemptContext } from '../../src/probe/probe.ts'
import { compileRules } from '../../src/probe/rules.ts'
import { library, openWire } from './library.ts'
import { alsoReaches, type Endpoint, originOf, type Target } from './target.ts'

/** How long metadata are remembered: an endpoint that moves is found again within the hour. */
const KNOWN_MS = 3_600_000

const known = new WeakMap<Target, { until: number; metadata: ServerMetadata }>()

/**
 * The server's metadata with the endpoint that is needed, at an origin that secrets may be sent to; or the judgement that there is none.
 * What the target spells out is believed; the rest is asked for once an hour, without any credential.
 */
export async function serverOf(target: Target, needed: Endpoint, ctx: AttemptContext): Promise<Found> {
  const given = givenBy(target)
  const field = FIELDS[needed]
  const found = given[field] === undefined ? await metadataOf(target, ctx) : { server: given }
  if (found.server === undefined) return found
  const server = { ...found.server, ...given }
  const url = URL.parse(server[field] ?? '')
  if (url === null) return unusable({ missing: field })
  // A server that was taken over could name any address: the secret stays here.
  if (![originOf(target), ...alsoReaches(target)].includes(url.origin)) return unusable({ endpoint: field, origin: url.origin })
  return { server, url }
}

type Found = { server: ServerMetadata; url: URL } | { server?: undefined; refused: Judgement }

const FIELDS = {
  token: 'token_endpoint',
  introspection: 'introspection_endpoint',
  userinfo: 'userinfo_endpoint',
  revocation: 'revocation_endpoint',
} as const satisfies Record<Endpoint, keyof ServerMetadata>

function givenBy({ issuer, endpoints }: Target): ServerMetadata {
  const { token, introspection, userinfo, revocation } = endpoints
  return {
    issuer,
    ...(token === undefined ? {} : { token_endpoint: token }),
    ...(introspection === undefined ? {} : { introspection_endpoint: introspection }),
    ...(userinfo === undefined ? {} : { userinfo_endpoint: userinfo }),
    ...(revocation === undefined ? {} : { revocation_endpoint: revocation }),
  }
}

async function metadataOf(
  target: Target,
  ctx: AttemptContext,
): Promise<{ server: ServerMetadata } | { server?: undefined; refused: Judgement }> {
  const before = known.get(target)
  if (before !== undefined && before.until > performance.now()) return { server: before.metadata }
  const loaded = await library()
  const wire = openWire(ctx, { reset: target.redeem === 'rotating' })
  try {
    const found = await loaded.discovery(new URL(target.issuer), 'revenant', undefined, loaded.None(), {
      algorithm: target.metadata === 'openid' ? 'oidc' : 'oauth2',
      [loaded.customFetch]: wire.fetch,
      execute: [loaded.allowInsecureRequests],
      timeout: 0,
    })
    const metadata = found.serverMetadata()
    known.set(target, { until: performance.now() + KNOWN_MS, metadata })
    return { server: metadata }
  } catch (error) {
    const answer = wire.answer()
    if (answer === undefined) throw wire.failure() ?? error
    return { refused: withoutMetadata(answer) }
  }
}

const judgeAnswer = compileRules({ rules: [], placement: 'other' })

/** No credential was shown: whatever the server said speaks of its metadata, or of the way to them. */
function withoutMetadata(answer: HttpAnswer): Judgement {
  const judged = judgeAnswer(answer, [])
  const vague = judged.verdict !== 'inconclusive' || judged.reason === 'ambiguous'
  const wire = { ...judged.wire, metadata: 'unusable' }
  return { ...judged, verdict: 'inconclusive', reason: vague ? 'config_error' : judged.reason, strength: 'strong', wire }
}

function unusable(wire: Judgement['wire']): { refused: Judgement } {
  return { refused: { verdict: 'inconclusive', reason: 'config_error', strength: 'strong', wire } }
}
