import type { Queryable } from './db.ts'

/** A secret that is held, sealed or by reference, and whose it is. */
export interface HeldSecret {
  credential_id: string
  system_id: string
  system: string
  /** The leaver's id at his source. */
  identity: string
  label: string
  origin: string
  sealed: Uint8Array | null
  data_key_id: string | null
  reference: string | null
  reference_mac: Uint8Array | null
}

/** One page of all secrets that are not shredded, in the order of their credentials. */
export async function pageHeldSecrets(db: Queryable, after: string | undefined, limit: number): Promise<HeldSecret[]> {
  return db
    .selectFrom('secret')
    .innerJoin('credential', 'credential.id', 'secret.credential_id')
    .innerJoin('system', 'system.id', 'secret.system_id')
    .innerJoin('identity', 'identity.id', 'credential.identity_id')
    .select([
      'secret.credential_id',
      'secret.system_id',
      'system.name as system',
      'identity.external_id as identity',
      'credential.label',
      'secret.origin',
      'secret.sealed',
      'secret.data_key_id',
      'secret.reference',
      'secret.reference_mac',
    ])
    .where((eb) => eb.or([eb('secret.sealed', 'is not', null), eb('secret.reference', 'is not', null)]))
    .$if(after !== undefined, (query) => query.where('secret.credential_id', '>', after ?? ''))
    .orderBy('secret.credential_id')
    .limit(limit)
    .execute()
}
