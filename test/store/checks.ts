import { newId, slotOf } from '../../src/domain/id.ts'
import type { Tier } from '../../src/domain/system.ts'
import type { Db } from '../../src/store/db.ts'
import type { SystemEntry } from '../../src/store/system.ts'

export const NOW = Temporal.Instant.from('2026-06-15T12:00:00Z')

/** Empties everything that these tests write. */
export async function clear(db: Db): Promise<void> {
  for (const table of [
    ...([
      'delivery',
      'alert',
      'finding_event',
      'finding',
      'exemption',
      'observation',
      'control',
      'trial',
      'check_state',
    ] as const),
    ...(['secret', 'credential', 'identity', 'pause', 'lockout_budget', 'system'] as const),
  ])
    await db.deleteFrom(table).execute()
}

export function entry(name: string, fields: Partial<SystemEntry> = {}): SystemEntry {
  return {
    name,
    probe: 'http',
    origin: `https://${name}.example`,
    tier: 'standard',
    zone: 'default',
    owner: undefined,
    schedule: undefined,
    scheduleDueAt: undefined,
    shards: 1,
    ...fields,
  }
}

/** Makes one system beside those that are there; answers its id. */
export async function addSystem(
  db: Db,
  name: string,
  fields: { zone?: string; tier?: Tier; shards?: number } = {},
): Promise<string> {
  const id = newId()
  await db
    .insertInto('system')
    .values({
      id,
      name,
      probe: 'http',
      origin: 'https://x',
      bound_origin: 'https://x',
      tier: 'standard',
      zone: 'default',
      ...fields,
    })
    .execute()
  return id
}

export interface CheckFields {
  dueAt?: Temporal.Instant | null
  verifyBy?: Temporal.Instant | null
  terminatedAt?: Temporal.Instant | null
}

/** Adds an identity with one credential of a system and its check; answers their ids. */
export async function addCheck(db: Db, systemId: string, fields: CheckFields = {}): Promise<{ id: string; identityId: string }> {
  const [row] = await addChecks(db, systemId, [fields])
  if (row === undefined) throw new Error('nothing was added')
  return row
}

export async function addChecks(
  db: Db,
  systemId: string,
  all: readonly CheckFields[],
): Promise<{ id: string; identityId: string }[]> {
  const rows = all.map((fields) => ({ id: newId(), identityId: newId(), fields }))
  await db
    .insertInto('identity')
    .values(
      rows.map(({ identityId }) => ({
        id: identityId,
        external_id: identityId,
        kind: 'human' as const,
        name: 'x',
        source: 'test',
      })),
    )
    .execute()
  await db
    .insertInto('credential')
    .values(
      rows.map(({ id, identityId }) => ({
        id,
        identity_id: identityId,
        system_id: systemId,
        label: 'token',
        kind: 'api_token',
        privilege: 'standard' as const,
        fingerprint: id,
      })),
    )
    .execute()
  await db
    .insertInto('secret')
    .values(
      rows.map(({ id }) => ({
        credential_id: id,
        system_id: systemId,
        origin: 'https://x',
        sealed: null,
        data_key_id: null,
        reference: 'env:X',
      })),
    )
    .execute()
  await db
    .insertInto('check_state')
    .values(
      rows.map(({ id, fields }) => ({
        credential_id: id,
        system_id: systemId,
        slot: slotOf(id),
        due_at: instant(fields.dueAt, NOW),
        verify_by: instant(fields.verifyBy, null),
        terminated_at: instant(fields.terminatedAt, NOW.subtract({ hours: 48 })),
      })),
    )
    .execute()
  return rows
}

function instant(given: Temporal.Instant | null | undefined, otherwise: Temporal.Instant | null): string | null {
  return (given === undefined ? otherwise : given)?.toString() ?? null
}
