import { newId } from '../../src/domain/id.ts'
import { insertCredentials, retireCredentials } from '../../src/store/credential.ts'
import type { Db } from '../../src/store/db.ts'
import { syncSystems } from '../../src/store/system.ts'

const NOW = Temporal.Instant.from('2026-11-22T12:00:00Z')

/** Adds a system; answers its id. */
export async function addSystem(db: Db, name: string): Promise<string> {
  const common = {
    tier: 'standard',
    zone: 'default',
    owner: undefined,
    schedule: undefined,
    scheduleDueAt: undefined,
    shards: 1,
  } as const
  const known = await db.selectFrom('system').select(['name', 'origin']).where('retired_at', 'is', null).execute()
  const entries = [...known, { name, origin: `postgres://${name}:5432` }].map((each) => ({
    ...each,
    ...common,
    probe: 'postgres',
  }))
  const row = (await syncSystems(db, entries, NOW)).get(name)
  if (row === undefined) throw new Error('the system was not made')
  return row.id
}

export interface Standing {
  terminated_at?: string
  due_at?: string
  accepted_at?: string
  first_rejected_at?: string
  dead_at?: string
  verdict?: 'accepted' | 'rejected' | 'inconclusive'
  retired?: boolean
}

/** Adds a credential by reference, standing as trials would have left it; answers its id. */
export async function addCredential(
  db: Db,
  of: { identityId: string; system: string; label: string; state: Standing },
): Promise<string> {
  const id = newId()
  const { retired, ...state } = of.state
  await insertCredentials(
    db,
    [
      {
        id,
        identityId: of.identityId,
        systemId: of.system,
        label: of.label,
        kind: 'password',
        principal: null,
        privilege: 'standard',
        shared: false,
        handover_by: null,
        share_id: null,
        fingerprint: `hmac-sha256:${id.slice(-16)}`,
        secret: {
          credential_id: id,
          system_id: of.system,
          origin: 'o',
          sealed: null,
          data_key_id: null,
          reference: 'env:X',
          reference_mac: null,
        },
        check: { credential_id: id, terminated_at: null, due_at: null, verify_by: null },
      },
    ],
    NOW,
  )
  if (Object.keys(state).length > 0) await db.updateTable('check_state').set(state).where('credential_id', '=', id).execute()
  if (retired === true) await retireCredentials(db, [id], NOW)
  return id
}
