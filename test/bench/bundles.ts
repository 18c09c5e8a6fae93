import { fork, spawn } from 'node:child_process'
import { createPrivateKey } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { sql } from 'kysely'
import { loadFrameworks } from '../../src/config/frameworks.ts'
import { readLedgerKeys } from '../../src/custody/ledger-keys.ts'
import { type ObservationFields, observationFacts } from '../../src/domain/facts/observation.ts'
import { newId, slotOf } from '../../src/domain/id.ts'
import { leafOf } from '../../src/domain/leaf.ts'
import { writeBundle } from '../../src/evidence/bundle/write.ts'
import { packZip } from '../../src/evidence/bundle/zip.ts'
import { openSequencer } from '../../src/evidence/sequencer.ts'
import { openSigners } from '../../src/evidence/signers.ts'
import { openBundle } from '../../src/evidence/verify/open-bundle.ts'
import { verifyBundle } from '../../src/evidence/verify/verify.ts'
import type { Db } from '../../src/store/db.ts'
import { appendLedger } from '../../src/store/ledger.ts'
import { openStore } from '../../src/store/open-store.ts'
import { startPostgres } from '../servers/postgres.ts'

/**
 * Bundles of many observations: seeds a Postgres and sequences them, then runs the real commands (`report evidence`, `verify`,
 * `ledger verify`) and the steps that they consist of, each in a process of its own, whose memory is its own.
 * `node test/bench/bundles.ts --observations 100000`
 */
const { values } = parseArgs({
  options: {
    observations: { type: 'string', default: '10000' },
    step: { type: 'string' },
    url: { type: 'string' },
    folder: { type: 'string' },
    key: { type: 'string' },
  },
})
const PAGE = 5_000
const PER_CREDENTIAL = 20
/** Tells the peak of the process that it is loaded into when that ends. */
const TELL_PEAK = `data:text/javascript,process.on('exit',()=>console.error('peak',Math.round(process.resourceUsage().maxRSS/1024)))`
const say = (text: string) => process.stdout.write(`${text}\n`)

if (values.step === undefined) await main(Number(values.observations))
else await step(values.step, values.url ?? '', values.folder ?? '', values.key ?? '')

async function main(count: number): Promise<void> {
  const server = await startPostgres()
  const folder = mkdtempSync(join(tmpdir(), 'revenant-bench-'))
  try {
    const revenant = commandsIn(folder, server.url())
    await revenant('ledger', 'status')
    const key = await newestKey(join(folder, 'keyring.json'))
    const started = performance.now()
    const sequencedMs = await seed(server.url(), count, key)
    say(`seeded ${count} observations in ${seconds(started)} s, ${Math.round((count / sequencedMs) * 1_000)} a second sequenced`)
    const day = (ms: number) => new Date(Date.now() + ms).toISOString()
    const period = ['--from', day(-2 * 86_400_000), '--to', day(86_400_000)]
    for (const out of ['q.zip', 'q']) await revenant('report', 'evidence', ...period, '--out', join(folder, out), '--json')
    for (const out of ['q.zip', 'q']) await revenant('verify', join(folder, out), '--json')
    await revenant('ledger', 'verify')
    for (const out of ['q.zip', 'q']) rmSync(join(folder, out), { recursive: true })
    for (const name of ['write', 'zip', 'verify', 'verify-zip']) await inOwnProcess(name, server.url(), folder, key)
  } finally {
    await server.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Runs the real program on this database, and says how long it took and how much memory. */
function commandsIn(folder: string, url: string) {
  const config = join(folder, 'revenant.yaml')
  writeFileSync(config, JSON.stringify({ database: { url: 'env:BENCH_URL' }, keyRing: join(folder, 'keyring.json') }))
  const main = join(import.meta.dirname, '../../src/main.ts')
  return async (...words: readonly string[]) => {
    const started = performance.now()
    const child = spawn(process.execPath, [`--import=${TELL_PEAK}`, main, '--config', config, ...words], {
      env: { ...process.env, BENCH_URL: url },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let [out, err] = ['', '']
    child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()))
    child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()))
    const [code] = await once(child, 'close')
    if (code !== 0) throw new Error(`${words.join(' ')} ended with ${code}: ${out}${err}`)
    const peak = /peak (\d+)/.exec(err)?.[1]
    say(`revenant ${words.join(' ').replaceAll(`${folder}/`, '')}: ${seconds(started)} s, peak ${peak} MiB`)
  }
}

async function newestKey(keyRingPath: string): Promise<string> {
  const newest = (await readLedgerKeys({ keyRingPath })).at(-1)
  if (newest === undefined) throw new Error('the key ring has no key')
  return newest.key.export({ type: 'pkcs8', format: 'pem' }).toString()
}

async function inOwnProcess(name: string, url: string, folder: string, key: string): Promise<void> {
  const child = fork(import.meta.filename, ['--step', name, `--url=${url}`, `--folder=${folder}`, `--key=${key}`])
  const [code] = await once(child, 'exit')
  if (code !== 0) throw new Error(`${name} ended with ${code}`)
}

async function step(name: string, url: string, root: string, key: string): Promise<void> {
  const [folder, zip] = [join(root, 'bundle'), join(root, 'bundle.zip')]
  const started = performance.now()
  let detail = ''
  if (name === 'write') {
    mkdirSync(folder)
    const store = await openStore({ url, poolSize: 4, applicationName: 'bench' })
    const now = Temporal.Now.instant()
    const deps = {
      db: store.db,
      mapping: (await loadFrameworks(undefined)) ?? { frameworks: [] },
      revokeWithinMs: { low: 86_400_000, standard: 86_400_000, critical: 3_600_000 },
      confirmRejections: 2,
      verifyWithinMs: 86_400_000,
      product: { name: 'Revenant', version: '0', instance: 'bench' },
      now: () => now,
    }
    const { manifest } = await writeBundle(deps, {
      scope: { from: now.subtract({ hours: 48 }), to: now.add({ hours: 24 }) },
      signers: await openSigners(signersOf(store.db, key)),
      folder,
    })
    detail = `${manifest.files.length} files, ${Math.round(manifest.files.reduce((sum, { bytes }) => sum + bytes, 0) / 1e6)} MB, ${manifest.log.size} entries`
    await store.close()
  } else if (name === 'zip') {
    const paths = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((path) =>
      statSync(join(folder, path)).isFile(),
    )
    await packZip(folder, paths, zip, Temporal.Now.instant())
    detail = `${Math.round(statSync(zip).size / 1e6)} MB`
  } else {
    const source = await openBundle(name === 'verify' ? folder : zip)
    const result = await verifyBundle(source, { vkeys: [] })
    await source.close()
    detail = result.holds ? 'holds' : `FALSE: ${JSON.stringify(result.firstFalse)}`
  }
  say(`${name}: ${seconds(started)} s, peak ${Math.round(process.resourceUsage().maxRSS / 1024)} MiB, ${detail}`)
}

function signersOf(db: Db, pem: string) {
  const keys = async () => [createPrivateKey(pem)]
  return { db, origin: undefined, instance: 'bench', now: () => Temporal.Now.instant(), readKeys: keys, makeKey: keys }
}

/** Answers the milliseconds that sequencing took. */
async function seed(url: string, count: number, key: string): Promise<number> {
  const store = await openStore({ url, poolSize: 4, applicationName: 'bench' })
  const { db } = store
  const [system, now] = [newId(), Temporal.Now.instant().epochMilliseconds]
  const sequencer = openSequencer({ db, now: () => Temporal.Now.instant(), openSigners: () => openSigners(signersOf(db, key)) })
  await db
    .insertInto('system')
    .values({
      id: system,
      name: 'api',
      probe: 'http',
      origin: 'https://x',
      bound_origin: 'https://x',
      tier: 'standard',
      zone: 'default',
    })
    .execute()
  let sequencedMs = 0
  const people = Array.from({ length: Math.ceil(count / PER_CREDENTIAL) }, () => ({ id: newId(), credential: newId() }))
  for (let at = 0; at < people.length; at += PAGE) await seedPeople(db, people.slice(at, at + PAGE), system, now)
  for (let at = 0; at < count; at += PAGE) {
    const trial = newId()
    const rows = Array.from({ length: Math.min(PAGE, count - at) }, (_, n) => {
      const who = people[(at + n) % people.length] ?? { id: '', credential: '' }
      const row: ObservationFields = {
        ...{
          id: newId(),
          trial_id: trial,
          credential_id: who.credential,
          identity_id: who.id,
          system_id: system,
          verdict: 'rejected',
          reason: 'token_invalid',
        },
        ...{
          strength: 'strong',
          assurance: 'controlled',
          confirmed: false,
          principal: null,
          transport: 'verified',
          effects: null,
          wire: { status: 401, error: 'invalid_token' },
        },
        ...{ latency_ms: Math.round(Math.random() * 1e5) / 1e3, trace_id: 'ab'.repeat(16) },
      }
      const ms = now - 86_400_000 + Math.floor(((at + n) / count) * 86_400_000)
      return { ...row, observed_ms: ms, leaf: leafOf(observationFacts(row, ms)) }
    })
    await db.transaction().execute(async (tx) => {
      await sql`insert into observation select id, to_timestamp(observed_ms / 1000), trial_id, credential_id, identity_id, system_id, verdict, reason, strength, assurance,
        confirmed, principal, transport, effects, wire, latency_ms, trace_id, decode(leaf, 'hex')
        from json_to_recordset(${JSON.stringify(rows)}::json) as r (id uuid, observed_ms float8, trial_id uuid, credential_id uuid, identity_id uuid, system_id uuid,
          verdict text, reason text, strength text, assurance text, confirmed boolean, principal text, transport text, effects text, wire jsonb, latency_ms float8,
          trace_id text, leaf text)`.execute(tx)
      await appendLedger(
        tx,
        'observation',
        rows.map(({ id, leaf }) => ({ ref: id, digest: leaf })),
      )
    })
    const started = performance.now()
    await sequencer.run()
    sequencedMs += performance.now() - started
  }
  // As the trials would have left them: what they say is held against the observations.
  await sql`update check_state c set verdict = 'rejected', reason = 'token_invalid', strength = 'strong', assurance = 'controlled',
      first_rejected_at = o.first, dead_at = o.second, observed_at = o.last, judged_at = o.last, rejections = o.n
    from (select credential_id, min(observed_at) as first, (array_agg(observed_at order by observed_at))[2] as second, max(observed_at) as last, count(*) as n
      from observation group by credential_id) o
    where o.credential_id = c.credential_id`.execute(db)
  await sql`analyze`.execute(db)
  await store.close()
  return sequencedMs
}

async function seedPeople(
  db: Db,
  people: readonly { id: string; credential: string }[],
  system: string,
  now: number,
): Promise<void> {
  const at = (ms: number) => Temporal.Instant.fromEpochMilliseconds(Math.round(now - ms)).toString()
  await db
    .insertInto('identity')
    .values(
      people.map(({ id }) => ({
        id,
        external_id: id,
        kind: 'human' as const,
        name: 'x',
        source: 'bench',
        terminated_at: at(86_400_000),
      })),
    )
    .execute()
  await db
    .insertInto('credential')
    .values(
      people.map(({ id, credential }) => ({
        id: credential,
        identity_id: id,
        system_id: system,
        label: 'token',
        kind: 'api_token',
        privilege: 'standard' as const,
        fingerprint: credential,
      })),
    )
    .execute()
  await db
    .insertInto('check_state')
    .values(
      people.map(({ credential }) => {
        return {
          ...{ credential_id: credential, system_id: system, slot: slotOf(credential) },
          ...{ terminated_at: at(86_400_000), due_at: at(0) },
        }
      }),
    )
    .execute()
}

function seconds(since: number): string {
  return ((performance.now() - since) / 1_000).toFixed(1)
}
