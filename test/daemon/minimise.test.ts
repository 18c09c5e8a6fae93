import { SignJWT } from 'jose'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Config } from '../../src/config/config.ts'
import { parseConfig } from '../../src/config/load.ts'
import { minimiseSecrets } from '../../src/daemon/minimise.ts'
import { type STATEMENTS, statementRows } from '../../src/evidence/statements.ts'
import { listCredentials } from '../../src/store/credential.ts'
import { credentialPage } from '../../src/store/credential-page.ts'
import type { StatementScope } from '../../src/store/evidence-statements.ts'
import { checkTallies } from '../../src/store/evidence-summary.ts'
import { holders } from '../../src/store/overview.ts'
import { findSecret } from '../../src/store/secret.ts'
import { countSealed } from '../../src/store/spent.ts'
import { checks } from '../config/checks.ts'
import { type House, openHouse } from '../intake/house.ts'
import { STORES, type TestStore } from '../servers/stores.ts'

const DAY_MS = 86_400_000
const POLICY = { custody: { shredAfterDeadMs: 90 * DAY_MS } }

describe.each(STORES.filter(({ name }) => name === 'PGlite'))('minimisation on $name', ({ open }) => {
  let store: TestStore
  let house: House
  let system: string
  let config: Config
  beforeAll(async () => {
    config = await parseConfig('systems: []', 'f.yaml', checks)
    store = await open()
    house = await openHouse(store.store)
    system = house.system('api')
    const left = house
      .now()
      .subtract({ hours: 24 * 200 })
      .toString()
    await house.identities([
      'external_id,status,terminated_at',
      `anna,terminated,${left}`,
      'here,active,',
      `gone,terminated,${left}`,
    ])
  })
  afterAll(async () => {
    await house.close()
    await store.stop()
  })
  beforeEach(async () => {
    for (const table of ['check_state', 'secret', 'credential', 'audit'] as const)
      await store.store.db.deleteFrom(table).execute()
  })

  const db = () => store.store.db
  const ago = (days: number) => house.now().subtract({ hours: 24 * days })
  const minimise = ({ custody }: Pick<Config, 'custody'> = POLICY) =>
    minimiseSecrets({ config: { ...config, custody }, instance: 'r1', now: house.now, store: store.store })
  /** A token that ends so many days ago; without a number one that tells no date. */
  const token = async (endedDaysAgo: number | undefined, label: string) =>
    endedDaysAgo === undefined
      ? `opaque-${label}`
      : new SignJWT({ sub: label, exp: Math.floor(ago(endedDaysAgo).epochMilliseconds / 1_000) })
          .setProtectedHeader({ alg: 'HS256' })
          .sign(new Uint8Array(32).fill(7))

  interface Stood {
    identity?: string
    endedDaysAgo?: number
    reference?: true
    awsKey?: true
    /** In days before now; null: never. */
    deadFor?: number
    judged?: number
    seen?: number
    accepted?: number
    verdict?: 'accepted' | 'rejected' | 'inconclusive'
    strength?: 'weak'
    due?: true
  }
  /** Registers one and leaves it as trials would have. */
  const add = async (label: string, stood: Stood): Promise<string> => {
    const { identity = 'anna', endedDaysAgo, reference, awsKey } = stood
    const text = awsKey === true ? 'AKIAIOSFODNN7EXAMPLE' : await token(endedDaysAgo, label)
    const given =
      reference === true ? { secret_ref: `env:${label.toUpperCase().replaceAll(/\W/g, '_')}` } : { secret: { token: text } }
    const report = await house.credentialsJson([{ identity, system, label, ...given }])
    expect(report.bad).toEqual([])
    const { id } = await db().selectFrom('credential').select('id').where('label', '=', label).executeTakeFirstOrThrow()
    const { deadFor, judged, seen = judged, accepted, verdict, strength = 'strong', due } = stood
    const at = (days: number | undefined) => (days === undefined ? null : ago(days).toString())
    if (identity === 'here') return id
    await db()
      .updateTable('check_state')
      .set({
        due_at: due === true ? at(0.5) : house.now().add({ hours: 24 }).toString(),
        verify_by: null,
        verdict: verdict ?? (deadFor === undefined ? null : 'rejected'),
        reason: verdict === 'inconclusive' ? 'unreachable' : verdict === 'accepted' ? 'authenticated' : 'token_invalid',
        strength,
        assurance: 'explicit',
        observed_at: at(seen),
        judged_at: at(judged),
        accepted_at: at(accepted),
        first_rejected_at: at(deadFor),
        dead_at: at(deadFor),
        rejections: deadFor === undefined ? 0 : 5,
      })
      .where('credential_id', '=', id)
      .execute()
    return id
  }
  const reasonOf = async (id: string) => {
    const row = await db()
      .selectFrom('credential')
      .select(['retired_at', 'retired_reason'])
      .where('id', '=', id)
      .executeTakeFirstOrThrow()
    const secret = await findSecret(db(), id)
    const kept = secret?.sealed !== null || secret.reference !== null
    // Retired without its secret destroyed, or the other way round: never.
    expect(kept).toBe(row.retired_at === null)
    return row.retired_reason
  }

  const cases: [string, Stood, 'proven_dead' | 'expired' | null][] = [
    ['refused for the whole time, up to the end of it', { deadFor: 100, judged: 3 }, 'proven_dead'],
    ['refused for not so long', { deadFor: 80, judged: 3 }, null],
    ['refused long ago, and not looked at since', { deadFor: 100, judged: 95 }, null],
    ['refused for so long, and now not judged', { deadFor: 100, judged: 8, seen: 1, verdict: 'inconclusive' }, null],
    ['accepted after it had been dead', { deadFor: 100, judged: 1, accepted: 1, verdict: 'accepted' }, null],
    ['refused for so long, and being tried now', { deadFor: 100, judged: 3, due: true }, null],
    ['a reference, of which nothing is kept', { deadFor: 100, judged: 3, reference: true }, null],
    ['never tried', {}, null],

    ['past its date, and refused since', { endedDaysAgo: 5, deadFor: 3, judged: 2 }, 'expired'],
    ['dead before its date, and refused once more since', { endedDaysAgo: 5, deadFor: 20, judged: 2 }, 'expired'],
    ['dead before its date, and not asked since', { endedDaysAgo: 5, deadFor: 20, judged: 6 }, null],
    ['past its date, and refused weakly', { endedDaysAgo: 5, deadFor: 3, judged: 2, strength: 'weak' }, null],
    ['past its date, and accepted all the same', { endedDaysAgo: 100, judged: 2, accepted: 2, verdict: 'accepted' }, null],
    [
      'past its date, accepted since, and not judged now',
      { endedDaysAgo: 100, judged: 99, seen: 1, accepted: 99, verdict: 'inconclusive' },
      null,
    ],
    ['past its date, and being tried now', { endedDaysAgo: 5, deadFor: 3, judged: 2, due: true }, null],
    ['past its date, and nobody could try it', { endedDaysAgo: 5, seen: 1, verdict: 'inconclusive' }, null],
    ['past its date for long, and nobody could try it', { endedDaysAgo: 100, seen: 1, verdict: 'inconclusive' }, 'expired'],
    ['still in date', { endedDaysAgo: -5, deadFor: 3, judged: 2 }, null],
    ['of somebody who is here, past its date', { identity: 'here', endedDaysAgo: 5 }, null],
    ['of somebody who is here, past its date for long', { identity: 'here', endedDaysAgo: 100 }, 'expired'],
    ['of somebody who is here, without a date', { identity: 'here' }, null],
  ]

  it('retires what is spent, and nothing else', async () => {
    const ids = new Map<string, string>()
    for (const [label, stood] of cases) ids.set(label, await add(label, stood))
    const expected = (reason: string) => cases.filter(([, , each]) => each === reason).length
    expect(await countSealed(db())).toEqual([{ system, count: cases.length - 1 }])
    expect(await minimise()).toEqual({ proven_dead: expected('proven_dead'), expired: expected('expired'), rotated: 0 })
    const found = await Promise.all(cases.map(async ([label]) => [label, await reasonOf(ids.get(label) ?? '')]))
    expect(found).toEqual(cases.map(([label, , reason]) => [label, reason]))
    expect(await countSealed(db())).toEqual([{ system, count: cases.length - 1 - expected('proven_dead') - expected('expired') }])
    const [logged] = (await db().selectFrom('audit').selectAll().where('action', '=', 'credential.retire').execute()).filter(
      ({ detail }) => detail.reason === 'proven_dead',
    )
    expect(logged).toMatchObject({
      actor: 'daemon r1',
      subject: ids.get('refused for the whole time, up to the end of it'),
      detail: {
        system,
        identity: 'anna',
        label: 'refused for the whole time, up to the end of it',
        secret: 'destroyed',
        deadAt: ago(100).toString(),
        watchedUntil: ago(3).toString(),
      },
    })
    const entries = await db().selectFrom('ledger_outbox').select('refs').where('kind', '=', 'operator').execute()
    expect(entries.flatMap(({ refs }) => refs)).toContain(logged?.id)
    // A second pass, and a second replica, find nothing left to do.
    expect(await minimise()).toEqual({ proven_dead: 0, expired: 0, rotated: 0 })
  })

  it('is many at a time, and none twice', async () => {
    const rows = Array.from({ length: 450 }, (_, n) => ({ identity: 'anna', system, label: `n${n}`, secret: { token: `t${n}` } }))
    await house.credentialsJson(rows)
    const [dead, judged] = [ago(100).toString(), ago(1).toString()]
    await db()
      .updateTable('check_state')
      .set({
        due_at: house.now().add({ hours: 1 }).toString(),
        verdict: 'rejected',
        strength: 'strong',
        assurance: 'explicit',
        dead_at: dead,
        first_rejected_at: dead,
        rejections: 9,
        judged_at: judged,
        observed_at: judged,
      })
      .execute()
    expect(await minimise()).toEqual({ proven_dead: 450, expired: 0, rotated: 0 })
    expect(await db().selectFrom('audit').select('id').where('action', '=', 'credential.retire').execute()).toHaveLength(450)
  })

  it('never destroys for being dead where the configuration says never, and dates cloud keys only where it says how', async () => {
    const dead = await add('dead', { deadFor: 1_000, judged: 1 })
    const old = await add('old', { identity: 'here', endedDaysAgo: 1_000 })
    const key = await add('key', { awsKey: true, deadFor: 20, judged: 1 })
    await db()
      .updateTable('secret')
      .set({ cloud_key_since: ago(400).toString() })
      .where('credential_id', '=', key)
      .execute()
    expect(await minimise({ custody: {} })).toEqual({ proven_dead: 0, expired: 0, rotated: 0 })
    for (const id of [dead, old, key]) expect(await reasonOf(id)).toBeNull()
    expect(await minimise({ custody: { cloudKeyMaxAgeMs: 500 * DAY_MS } })).toEqual({ proven_dead: 0, expired: 0, rotated: 0 })
    expect(await minimise({ custody: { cloudKeyMaxAgeMs: 365 * DAY_MS } })).toEqual({ proven_dead: 0, expired: 1, rotated: 0 })
    expect(await reasonOf(key)).toBe('expired')
  })

  it('keeps a cloud key that nobody has judged, however old: its age is a policy and no date of its own', async () => {
    const keys = [await add('of somebody here', { identity: 'here', awsKey: true }), await add('untried', { awsKey: true })]
    await db()
      .updateTable('secret')
      .set({ cloud_key_since: ago(2_000).toString() })
      .execute()
    expect(await minimise({ custody: { shredAfterDeadMs: 90 * DAY_MS, cloudKeyMaxAgeMs: 365 * DAY_MS } })).toEqual({
      ...{ proven_dead: 0, expired: 0, rotated: 0 },
    })
    for (const id of keys) expect(await reasonOf(id)).toBeNull()
  })

  it('is not undone by the same file; another secret of that name begins anew', async () => {
    const id = await add('spent', { deadFor: 100, judged: 3 })
    await minimise()
    const row = { identity: 'anna', system, label: 'spent' }
    expect(await house.credentialsJson([{ ...row, secret: { token: 'opaque-spent' } }])).toMatchObject({ skipped: 1, updated: 0 })
    expect(await reasonOf(id)).toBe('proven_dead')
    expect(await house.credentialsJson([{ ...row, secret: { token: 'another' } }])).toMatchObject({
      skipped: 0,
      updated: 1,
      dueNow: 1,
    })
    expect(await reasonOf(id)).toBeNull()
    const [listed] = await listCredentials(db(), { id, limit: 1 })
    expect(listed).toMatchObject({ verdict: null, dead_at: null, retired_reason: null, secret: 'sealed' })
    // What an operator took off the list stays off it, whatever a file holds.
    await house.credentialsJson([{ ...row, retired: true }])
    expect(await reasonOf(id)).toBe('operator')
    expect(await house.credentialsJson([{ ...row, secret: { token: 'a third' } }])).toMatchObject({ skipped: 1 })
  })

  it('is told as what it was: closed, until when it was watched; and not as blind, overdue or forgotten', async () => {
    const within = { low: 150 * DAY_MS, standard: 150 * DAY_MS, critical: 150 * DAY_MS }
    const scope: StatementScope = {
      from: ago(300),
      to: house.now(),
      now: house.now(),
      revokeWithinMs: within,
      confirmRejections: 2,
    }
    const dead = await add('dead', { identity: 'gone', deadFor: 100, judged: 3 })
    await add('refused since', { endedDaysAgo: 5, deadFor: 60, judged: 2 })
    await add('untried', { endedDaysAgo: 100, seen: 1, verdict: 'inconclusive' })
    await minimise()
    const rows = (name: keyof typeof STATEMENTS) => Array.fromAsync(statementRows(db(), name, scope))
    const told = (await rows('leavers')).filter(({ credential }) => credential !== null)
    const facts = ({ credential, state, in_time, retired_reason, last_checked_at, retired_at }: (typeof told)[number]) =>
      [credential, state, in_time, retired_reason, last_checked_at, retired_at] as const
    const now = house.now().toString()
    expect(told.map(facts).toSorted()).toEqual([
      ['dead', 'closed', true, 'proven_dead', ago(3).toString(), now],
      ['refused since', 'closed', true, 'expired', ago(2).toString(), now],
      ['untried', 'expired', false, 'expired', ago(1).toString(), now],
    ])
    expect(await rows('revocation')).toMatchObject([{ credentials: 3, in_time: 2, late: 0, not_proven: 1, retired: 0 }])
    expect((await rows('unverified')).map(({ credential, state, why }) => [credential, state, why])).toEqual([
      ['untried', 'expired', 'expired_locally'],
    ])
    expect(await holders(db(), house.now())).toBe(1)
    // In a period after their last answers only the one of which nothing was proven is missing.
    const policy = { revokeWithinMs: within, confirmRejections: 2, verifyWithinMs: 3 * DAY_MS }
    const tallies = await checkTallies(db(), { from: ago(1), to: house.now().add({ hours: 1 }) }, policy)
    expect(tallies.find(({ check }) => check === 'coverage')).toMatchObject({ subjects: 1, failed: 1 })
    const ask = { sort: 'id', limit: 10, after: undefined } as const
    const page = await credentialPage(db(), { standing: ['retired'] }, ask, { within, now: house.now() })
    expect(page.find(({ id }) => id === dead)).toMatchObject({
      standing: 'retired',
      retiredReason: 'proven_dead',
      dueAt: null,
      deadline: null,
      observedAt: expect.any(String),
    })
  })
})
