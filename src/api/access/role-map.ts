import { hash } from 'node:crypto'
import type { Config, OidcConfig } from '../../config/config.ts'
import { audit } from '../../store/audit.ts'
import type { Db } from '../../store/db.ts'
import { endMappedSessions } from '../../store/session.ts'
import { transact } from '../../store/transact.ts'

/** A digest of all that decides which role somebody has who signs in with the provider, and whose leaving ends it. */
export function roleMapOf({ issuer, clientId, roles, identityClaim, assumeEmailVerified = false }: OidcConfig): string {
  const rows = roles.map(({ claim, value, role }) => [claim, value, role])
  return hash('sha256', JSON.stringify([issuer, clientId, identityClaim, assumeEmailVerified, rows]), 'base64url')
}

/** Under this name the audit has what the daemon does by itself, because the map of roles is another now. */
const BECAUSE = 'roles_changed'

/**
 * Ends the sessions of the provider that were opened under another map of roles than the one in force: what somebody may do is decided when
 * he signs in, so he signs in again. Answers how many. Whoever signed in by a link is not touched.
 */
export async function endOutdatedSessions(
  db: Db,
  { access: { oidc } }: Pick<Config, 'access'>,
  instance: string,
  now: Temporal.Instant,
): Promise<number> {
  return transact(db, async (tx) => {
    const ended = await endMappedSessions(tx, oidc === undefined ? undefined : roleMapOf(oidc), BECAUSE, now)
    for (const { id, actor } of ended) {
      const detail = { of: actor, because: BECAUSE }
      await audit(tx, { actor: `daemon ${instance}`, action: 'session.end', subject: id, detail, at: now })
    }
    return ended.length
  })
}
