import type { Belief, Risk } from '../../src/probe/probe.ts'
import { isRefreshToken, type Secret } from './secret.ts'
import { refreshQuestionOf, type Target } from './target.ts'

/**
 * What becomes of a refresh token that comes to the token endpoint: it is spent where the target says so, and where its server redeems it
 * in place of refusing a scope. Introspection spends nothing, of no token.
 */
export function riskOf(secret: Secret, target: Target): Risk | undefined {
  if (!isRefreshToken(secret)) return undefined
  const question = refreshQuestionOf(target)
  if (question === undefined || question === 'introspect') return undefined
  const { refreshToken, clientId = target.client?.id ?? '' } = secret
  return {
    token: { refreshToken },
    way: { issuer: new URL(target.issuer).href, clientId },
    spends: question === 'scope' ? beliefOf(target) : target.redeem === 'rotating',
  }
}

function beliefOf({ issuer, unregisteredScope = '' }: Target): Belief {
  return { name: `${new URL(issuer).href} refuses the scope ${unregisteredScope}`, otherwise: { scope: 'not_refused' } }
}
