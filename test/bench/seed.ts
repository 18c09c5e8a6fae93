import { sql } from 'kysely'
import type { Custody } from '../../src/custody/custody.ts'
import { newId, slotOf } from '../../src/domain/id.ts'
import type { Db } from '../../src/store/db.ts'

const PAGE = 2_000

export interface Seed {
  systemId: string
  origin: string
  count: number
  /** One in so many is accepted. */
  liveOneIn: number
  /** Instant at which everything is due; left out: nothing is. */
  dueAt: Temporal.Instant
  /** Left out: references instead of sealed secrets, for seeding a million rows that are never opened. */
  custody?: Custody
}

/** Fills the database with leavers that hold one sealed bearer token each. */
export async function seed(db: Db, options: Seed): Promise<void> {
  for (let from = 0; from < options.count; from += PAGE) {
    const rows = await Promise.all(
      Array.from({ length: Math.min(PAGE, options.count - from) }, (_, index) => row(options, from + index)),
    )
    await insert(db, rows, options)
  }
  await sql`analyze`.execute(db)
}

async function row(options: Seed, index: number) {
  const credentialId = newId()
  const live = options.liveOneIn > 0 && index % options.liveOneIn === 0
  const token = `tk${String(index).padStart(8, '0')}-${credentialId.slice(-12)}${live ? '-live' : '-dead'}`
  const sealed =
    options.custody === undefined
      ? undefined
      : await options.custody.seal({ credentialId, systemId: options.systemId, origin: options.origin }, { token })
  return {
    identity: newId(),
    credential: credentialId,
    slot: slotOf(credentialId),
    sealed: sealed === undefined ? null : Buffer.from(sealed.sealed).toString('hex'),
    key: sealed?.dataKeyId ?? null,
  }
}

async function insert(db: Db, rows: Awaited<ReturnType<typeof row>>[], { systemId, origin, dueAt }: Seed): Promise<void> {
  const data = JSON.stringify(rows)
  const shape = sql`json_to_recordset(${data}::json) as r (identity uuid, credential uuid, slot smallint, sealed text, key uuid)`
  const gone = dueAt.subtract({ hours: 48 }).toString()
  await sql`insert into identity (id, external_id, kind, name, source, terminated_at) select identity, identity::text, 'human', 'leaver', 'bench', ${gone}::timestamptz from ${shape}`.execute(
    db,
  )
  await sql`insert into credential (id, identity_id, system_id, label, kind, privilege, fingerprint) select credential, identity, ${systemId}::uuid, 'token', 'api_token', 'standard', 'bench' from ${shape}`.execute(
    db,
  )
  await sql`insert into secret (credential_id, system_id, origin, sealed, data_key_id, reference) select credential, ${systemId}::uuid, ${origin}, decode(sealed, 'hex'), key, case when sealed is null then 'env:NONE' end from ${shape}`.execute(
    db,
  )
  await sql`insert into check_state (credential_id, system_id, slot, due_at, terminated_at) select credential, ${systemId}::uuid, slot, ${dueAt.toString()}::timestamptz, ${gone}::timestamptz from ${shape}`.execute(
    db,
  )
}
