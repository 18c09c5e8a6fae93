import { RevenantError } from '../domain/error.ts'
import { audit } from '../store/audit.ts'
import { listCredentials, retireCredentials } from '../store/credential.ts'
import type { IntakeDeps } from './deps.ts'
import { inTransaction } from './transaction.ts'

/**
 * Retires a credential: its secret is forgotten and it is never replayed again; its fingerprint and its history stay. False: it
 * was retired already. Throws `NOT_FOUND`.
 */
export async function retireCredential(id: string, deps: Pick<IntakeDeps, 'db' | 'actor' | 'now'>): Promise<boolean> {
  if (!isCredentialId(id)) throw credentialNotFound(id)
  return inTransaction(deps.db, async (tx) => {
    const [credential] = await listCredentials(tx, { id, limit: 1 })
    if (credential === undefined) throw credentialNotFound(id)
    const now = deps.now()
    const retired = await retireCredentials(tx, [id], now)
    if (retired === 0) return false
    const detail = { system: credential.system, identity: credential.external_id, label: credential.label }
    await audit(tx, { actor: deps.actor, action: 'credential.retire', subject: id, detail, at: now })
    return true
  })
}

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

export function isCredentialId(id: string): boolean {
  return UUID.test(id)
}

export function credentialNotFound(id: string): RevenantError {
  return new RevenantError('NOT_FOUND', `no credential has the id ${JSON.stringify(id)}`)
}
