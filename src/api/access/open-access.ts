import { isDeepStrictEqual } from 'node:util'
import type { Config } from '../../config/config.ts'
import type { ReadReference } from '../../custody/local-reference.ts'
import { readReference } from '../../custody/references.ts'
import { openThrottle } from '../throttle.ts'
import type { Access } from './access.ts'
import { type Oidc, openOidc } from './oidc.ts'

/** What signing in works with; a reload that changes the provider is noticed at the next sign-in. */
export function openAccess(config: () => Config, read: ReadReference = readReference): Access {
  let known: { of: Config['access']['oidc']; oidc: Oidc | undefined } | undefined
  return {
    throttle: openThrottle(),
    tokens: openThrottle(),
    oidc: () => {
      const { oidc } = config().access
      if (known === undefined || !isDeepStrictEqual(known.of, oidc))
        known = { of: oidc, oidc: oidc === undefined ? undefined : openOidc(oidc, read) }
      return known.oidc
    },
  }
}
