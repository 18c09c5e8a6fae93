import type { Answer, AttemptContext } from '../../src/probe/probe.ts'
import { fateOf, isDoubtful, judgeRedeemed, judgeScope, provenBy } from './judge.ts'
import { ask, type ClientProof, readClient, secretsOf } from './library.ts'
import type { RefreshToken, Secret } from './secret.ts'
import { serverOf } from './server.ts'
import type { Target } from './target.ts'

/**
 * Asks for a scope that the server refuses once it has weighed the token, so that it spends nothing. One that redeems it all the same
 * has disproved what the target says of it.
 */
export async function askScope(
  target: Target,
  scope: string,
  secret: RefreshToken,
  ctx: AttemptContext,
): Promise<Answer<Secret>> {
  const asked = await askToken(target, secret, ctx, { scope })
  if ('verdict' in asked) return asked
  const { answer, client, sent } = asked
  const fate = fateOf(answer, secret.refreshToken)
  const judged = withFate(judgeScope(answer, sent), secret, client, fate)
  const redeemed = 'successor' in fate || (answer.status === 200 && answer.kind() === 'json')
  return redeemed ? { ...judged, disproved: true } : judged
}

/** Exchanges the token for new ones. At a server that rotates, what it answers is all that opens the family from then on. */
export async function redeem(target: Target, secret: RefreshToken, ctx: AttemptContext): Promise<Answer<Secret>> {
  const asked = await askToken(target, secret, ctx, {})
  if ('verdict' in asked) return asked
  const { answer, client, sent } = asked
  const judged = judgeRedeemed(answer, sent)
  if (target.redeem === 'lasting') return judged
  const redeemedBy = target.predecessors === 'ended' ? secret.redeemedBy : undefined
  const proven = provenBy(judged, redeemedBy, client.id)
  if (isDoubtful(proven, secret)) return { ...proven, spent: 'earlier' }
  return withFate(proven, secret, client, fateOf(answer, secret.refreshToken))
}

async function askToken(target: Target, secret: RefreshToken, ctx: AttemptContext, parameters: Record<string, string>) {
  const found = await serverOf(target, 'token', ctx)
  if (found.server === undefined) return found.refused
  const client = await clientOf(target, secret, ctx)
  if (client === undefined) return unasked({ missing: 'client' })
  const answer = await ask(ctx, found.server, { client, at: target, onSent: ctx.sent }, (library, config) =>
    library.refreshTokenGrant(config, secret.refreshToken, parameters),
  )
  return { answer, client, sent: [secret.refreshToken, ...secretsOf(client)] }
}

/** The client of a refresh token: its own, else the target's. */
async function clientOf(target: Target, secret: RefreshToken, ctx: AttemptContext): Promise<ClientProof | undefined> {
  const { clientId, clientSecret, privateKey } = secret
  if (clientId !== undefined) return { id: clientId, secret: clientSecret, privateKey }
  return target.client === undefined ? undefined : readClient(target.client, ctx)
}

function withFate(
  judged: Answer<Secret>,
  secret: RefreshToken,
  client: ClientProof,
  fate: ReturnType<typeof fateOf>,
): Answer<Secret> {
  if ('spent' in fate) return { ...judged, spent: fate.spent }
  return { ...judged, rotated: { ...secret, refreshToken: fate.successor, redeemedBy: client.id } }
}

/** Nothing was sent: the target does not say enough. */
export function unasked(wire: Answer['wire']): Answer<Secret> {
  return { verdict: 'inconclusive', reason: 'config_error', strength: 'strong', wire }
}
