import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { cancelHandover, handOver, postponeHandover } from '../../src/findings/handover.ts'
import type { OwnershipDeps } from '../../src/findings/ownership.ts'
import { type CredentialIntakeDeps, importCredentials } from '../../src/intake/credentials.ts'
import { importIdentities } from '../../src/intake/identities.ts'
import { repinCredential } from '../../src/intake/repin.ts'
import { reinstateIdentity, terminateIdentity } from '../../src/intake/terminate.ts'
import type { TrialDeps } from '../../src/scan/deps.ts'
import { tick } from '../../src/scan/plan.ts'
import { scanNow } from '../../src/scan/scan-now.ts'
import { runTrial } from '../../src/scan/trial.ts'
import { toldCredential } from '../../src/store/credential-page.ts'
import { given } from '../intake/files.ts'
import type { TokenApi } from '../servers/token-api.ts'
import { type House, POLICY } from './house.ts'
import { type KeptHouse, type KeptHouses, openKeptHouses } from './kept-house.ts'

const HOUR_MS = 3_600_000
const SECRETS = new Set(['sealed', 'referenced', 'changed', '0', '1', '2', '3'].map((name) => `ahead-${name}`))

/** A real API that writes down every token it sees. Whoever is here must never be seen there, whatever anybody asks for. */
describe('what is registered ahead of a departure', () => {
  let houses: KeptHouses
  let kept: KeptHouse
  let api: TokenApi
  let house: House
  let deps: TrialDeps
  let intake: CredentialIntakeDeps
  let system: string
  const db = () => houses.db()
  beforeAll(async () => {
    houses = await openKeptHouses()
  })
  afterAll(() => houses.stop())
  beforeEach(async () => {
    kept = await houses.open()
    ;({ api, house, deps, intake, system } = kept)
    process.env.AHEAD_SECRET = JSON.stringify({ token: 'ahead-referenced' })
  })
  afterEach(async () => {
    delete process.env.AHEAD_SECRET
    await kept.close()
  })

  const who = (name: string) => `${name} of ${system}`
  const identities = (...lines: string[]) =>
    importIdentities(
      given(`external_id,status,terminated_at\n${lines.map((line) => `${line}\n`).join('')}`, 'csv', 1_000),
      intake,
      { dryRun: false },
    )
  const credentials = (...rows: object[]) =>
    importCredentials(given(rows.map((each) => JSON.stringify(each)).join('\n'), 'jsonl', 1_000), intake, { dryRun: false })
  /** Both ways of registering. */
  const held = (name: string) => [
    { identity: who(name), system, label: 'sealed', secret: { token: 'ahead-sealed' } },
    { identity: who(name), system, label: 'referenced', secret_ref: 'env:AHEAD_SECRET' },
  ]
  const run = () => runTrial({ systemId: house.system.id, shard: 0 }, new AbortController().signal, deps)
  /** Decoys look like the secrets, and are none. */
  const seen = () => api.requests.flatMap(({ token }) => (token !== undefined && SECRETS.has(token) ? [token] : []))
  const ids = async () => {
    const rows = await db()
      .selectFrom('credential as k')
      .innerJoin('identity as i', 'i.id', 'k.identity_id')
      .select(['k.id', 'k.identity_id', 'i.external_id', 'k.label'])
      .where('k.system_id', '=', house.system.id)
      .execute()
    return rows.toSorted((a, b) => a.label.localeCompare(b.label))
  }

  /** All that anybody can do to have something tried. */
  const insist = async () => {
    const planned: unknown[] = []
    const plan = { db: db(), zones: ['default'], policy: () => POLICY, raise: deps.raise, now: deps.now }
    await tick({ ...plan, jobs: { enqueueTrial: async (_db, _zone, job) => planned.push(job) > 0 } })
    const scanning = { db: db(), jobs: intake.jobs, budgets: () => [], actor: 'test', now: deps.now }
    const answers: unknown[] = []
    const said = (error: unknown) => (error instanceof Error && 'code' in error ? error.code : error)
    for (const { id, identity_id } of await ids())
      for (const scope of [{ credentialId: id }, { identityId: identity_id }])
        answers.push(await scanNow(scope, scanning).then(({ due }) => due, said))
    answers.push(await scanNow({ systemId: house.system.id }, scanning).then(({ due, trials }) => due + trials.length, said))
    const { outcome } = await run()
    return { planned: planned.length, answers: [...new Set(answers)], outcome, seen: seen() }
  }
  const NOTHING = { planned: 0, answers: ['CONFLICT', 0], outcome: 'skipped', seen: [] }

  it('is not tried while its holder is here, whoever asks, and however it is changed meanwhile', async () => {
    await identities(`${who('anna')},active,`)
    await credentials(...held('anna'))
    expect(await insist()).toEqual(NOTHING)
    // The same file, another secret, on the list again, another deadline, what a reference holds: none of it is a departure.
    await credentials(...held('anna'))
    await credentials({ ...held('anna')[0], secret: { token: 'ahead-changed' } })
    await credentials({ ...held('anna')[0], retired: true })
    await credentials({ ...held('anna')[0], retired: false, handover_by: '2020-01-01T00:00:00Z', shared: true })
    for (const { id, label } of await ids()) if (label === 'referenced') await repinCredential(id, intake)
    await identities(`${who('anna')},active,`)
    expect(await insist()).toEqual(NOTHING)
    house.advance(400 * 24 * HOUR_MS)
    expect(await insist()).toEqual(NOTHING)
  })

  it('is tried when its holder leaves, whole, and not once more after he came back', async () => {
    await identities(`${who('bob')},active,`)
    await credentials(...held('bob'))
    await terminateIdentity(who('bob'), undefined, intake)
    await run()
    expect(seen().toSorted()).toEqual(['ahead-referenced', 'ahead-sealed'])
    api.requests.length = 0
    await reinstateIdentity(who('bob'), intake)
    house.advance(HOUR_MS)
    expect(await insist()).toEqual(NOTHING)
  })

  it('is not tried a second before a departure that is known ahead, and at its instant', async () => {
    const at = deps.now().add({ hours: 1 }).round('second')
    await identities(`${who('cleo')},active,${at.toString()}`)
    await credentials(...held('cleo'))
    expect(await insist()).toEqual(NOTHING)
    house.advance(at.epochMilliseconds - deps.now().epochMilliseconds - 1_000)
    expect(await insist()).toEqual(NOTHING)
    await reinstateIdentity(who('cleo'), intake)
    house.advance(2_000)
    expect(await insist()).toEqual(NOTHING)
    await terminateIdentity(who('cleo'), deps.now().add({ seconds: 30 }), intake)
    expect(await insist()).toEqual(NOTHING)
    house.advance(30_000)
    await run()
    expect(seen().toSorted()).toEqual(['ahead-referenced', 'ahead-sealed'])
  })

  it('is not tried before its holder leaves, whatever date a handover has, and however dates are moved', async () => {
    const acting: OwnershipDeps = { db: db(), actor: 'test', now: deps.now, policy: POLICY, raise: deps.raise }
    const inHours = (hours: number) => deps.now().add({ hours }).round('second')
    const leaves = inHours(240)
    await identities(`${who('eva')},active,${leaves.toString()}`, `${who('finn')},active,`, `${who('gus')},active,`)
    await credentials(...held('eva'))
    await credentials({ ...held('eva')[0], label: 'shared', holders: who('finn'), secret: { token: 'ahead-0' } })
    const agreement = { leaver: who('eva'), receiver: who('finn') }
    const { id, credentials: given } = await handOver({ ...agreement, by: inHours(1) }, acting)
    expect(given).toBe(3)
    const past = async (hours: number) => {
      house.advance(hours * HOUR_MS)
      return insist()
    }
    expect(await past(2)).toEqual(NOTHING)
    const [of] = await ids()
    const deadline = async () =>
      (await toldCredential(db(), of?.id ?? '', { within: POLICY.revokeWithinMs, now: deps.now() }))?.deadline
    expect(await deadline()).toMatchObject({
      state: 'running',
      revokeBy: expect.stringContaining(leaves.toString().slice(0, -1)),
    })
    await postponeHandover(id, inHours(24), undefined, acting)
    expect(await past(48)).toEqual(NOTHING)
    // Once more between the same two, and between others.
    await handOver({ ...agreement, by: inHours(1) }, acting)
    expect(await past(2)).toEqual(NOTHING)
    const { id: other } = await handOver({ leaver: who('eva'), receiver: who('gus'), by: inHours(1) }, acting)
    expect(await past(2)).toEqual(NOTHING)
    await cancelHandover(other, undefined, acting)
    expect(await insist()).toEqual(NOTHING)
    // The departure is moved later, taken back, and announced anew.
    await handOver({ ...agreement, by: inHours(200) }, acting)
    await terminateIdentity(who('eva'), inHours(400), intake)
    expect(await past(201)).toEqual(NOTHING)
    await reinstateIdentity(who('eva'), intake)
    expect(await past(400)).toEqual(NOTHING)
    await handOver({ ...agreement, by: inHours(1) }, acting)
    expect(await past(2)).toEqual(NOTHING)
    const at = inHours(10)
    await terminateIdentity(who('eva'), at, intake)
    await handOver({ ...agreement, by: inHours(1) }, acting)
    expect(await past(2)).toEqual(NOTHING)
    house.advance(at.epochMilliseconds - deps.now().epochMilliseconds - 1_000)
    expect(await insist()).toEqual(NOTHING)
    house.advance(2_000)
    await run()
    expect(seen().toSorted()).toEqual(['ahead-0', 'ahead-referenced', 'ahead-sealed'])
  })

  it('is not tried though something has made it due, whichever row says that its holder is here', async () => {
    await identities(`${who('hal')},active,`)
    await credentials(...held('hal'))
    const makeDue = async (terminatedAt: Temporal.Instant) => {
      const instants = { due_at: deps.now().subtract({ hours: 1 }).toString(), terminated_at: terminatedAt.toString() }
      await db().updateTable('check_state').set(instants).where('system_id', '=', house.system.id).execute()
    }
    await makeDue(deps.now().add({ hours: 1 }))
    expect(await insist()).toMatchObject({ planned: 0, outcome: 'skipped', seen: [] })
    await makeDue(deps.now().subtract({ hours: 2 }))
    expect(await insist()).toMatchObject({ outcome: 'skipped', seen: [] })
    expect(api.requests).toEqual([])
  })

  it('is not tried by a trial that was under way when its holder came back', async () => {
    await identities(`${who('dan')},terminated,2026-01-01T00:00:00Z`)
    await credentials(
      ...Array.from({ length: 4 }, (_, n) => ({ identity: who('dan'), system, label: `n${n}`, secret: { token: `ahead-${n}` } })),
    )
    // Longer than what was read stays fresh: the first one is on its way, and the others wait behind it.
    api.delayMs = 600
    const trial = run()
    while (seen().length === 0) await new Promise((resolve) => setTimeout(resolve, 10))
    await reinstateIdentity(who('dan'), intake)
    const summary = await trial
    expect(seen()).toHaveLength(1)
    expect(summary).toMatchObject({ outcome: 'completed', rejected: 1, accepted: 0, inconclusive: 0 })
    api.delayMs = 0
    expect(await insist()).toMatchObject({ planned: 0, outcome: 'skipped' })
    expect(seen()).toHaveLength(1)
  })
})
