import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { SINKS } from '../../src/alerts/sinks/registry.ts'
import { openHouse } from '../servers/revenant.ts'
import { type Downstream, openDownstream } from './downstream.ts'
import { askAsAuditor, noteBundle, readLedger } from './evidence.ts'
import { type Leak, type Marks, openMarks } from './marks.ts'
import { configOf, identities, rowsOf } from './plant-credentials.ts'
import { databaseGone, openDatabase } from './plant-database.ts'
import { plantDirectories } from './plant-directories.ts'
import { foundThings } from './plant-found.ts'
import { plantHr } from './plant-hr.ts'
import { badImports } from './plant-imports.ts'
import { plantInventory } from './plant-inventory.ts'
import { plantKeyRing } from './plant-key-ring.ts'
import { literalSecrets } from './plant-literals.ts'
import { plantManagers } from './plant-managers.ts'
import { reloads } from './plant-reloads.ts'
import { plantSignals } from './plant-signals.ts'
import { malformedSecrets, malformedSinks } from './plant-sinks.ts'
import { plantSources, tellSources } from './plant-sources.ts'
import { submissions } from './plant-submissions.ts'
import { tries } from './plant-tries.ts'
import { type Plant, plantsOf } from './plants.ts'
import { plantAuditors, pullEvidence } from './pulls.ts'
import { type Note, openReceivers, type Receivers } from './receivers.ts'
import { ask, delivered, everyCommand, judged } from './search-commands.ts'
import { crashes, processList } from './search-crashes.ts'
import { filesOf } from './search-files.ts'
import { dump } from './search-tables.ts'

/**
 * Every secret that Revenant is given is marked, everything that it says or writes is searched. Allowed places: the wire to the
 * registered origin, and what the operator keeps himself (secret files, import files, the environment of the process).
 *
 * To extend it with a feature: one line in `plantsOf` (or in a file `plant-…` of its own) for each secret, one `note` for each new output.
 */
export function describeMarked(database: 'Postgres' | 'PGlite'): void {
  describe(`marked secrets, on ${database}`, () => {
    const world = worldOf(database)
    // Some 90 processes; a busy machine takes its time.
    beforeAll(world.open, 900_000)
    afterAll(world.close)

    it('were all sent to the origin that they are registered for', () => {
      const sent = new Set(world.marks.search('wire', world.downstream().wire()).map(({ kind }) => kind))
      // Nothing is sent where a control failed or nobody listens, and a passphrase opens a key and stays here.
      const silent = new Set([
        'registry',
        'redirect',
        'page',
        'limited',
        'broken',
        'ssh-key',
        'ssh-greeting',
        'closed',
        'postgres',
      ])
      expect(
        world
          .plants()
          .filter(({ system }) => !sent.has(system) && !silent.has(system))
          .map(({ system }) => system),
      ).toEqual([])
    })

    it('opened the doors that they open', () => {
      const seen = new Map(world.verdicts())
      for (const { system, never } of world.plants()) expect([system, seen.get(system)]).toEqual([system, never !== true])
    })

    it('were planted for every kind of sink', () => {
      const kinds = new Set(world.receivers().alerts.map(({ sink }) => sink))
      expect(Object.keys(SINKS).filter((kind) => !kinds.has(kind))).toEqual([])
    })

    it('were sent to the receivers of alerts whose credentials they are', () => {
      // These sign, and stay here; the teams URL ends in one.
      const silent = new Set(['sqs', 'sns'])
      const without = world
        .receivers()
        .wires()
        .filter(([name, wire]) => !silent.has(name) && world.marks.search(name, wire).length === 0)
      expect(without.map(([name]) => name)).toEqual([])
    })

    it('are nowhere else', () => {
      expect(world.leaks().map(spelt)).toEqual([])
    })

    it('were looked for in every place', () => {
      expect(world.empty()).toEqual([])
    })
  })
}

function spelt({ place, kind, form, offset, context }: Leak): string {
  return `${kind} (${form}) in ${place} at ${offset}: ${context}`
}

function worldOf(database: 'Postgres' | 'PGlite') {
  const marks: Marks = openMarks()
  const places: { place: string; content: Buffer | string; mayBeEmpty: boolean; own: string | undefined }[] = []
  /** Adds an output to what is searched. */
  const note: Note = (place, content, { mayBeEmpty = false, own } = {}) => void places.push({ place, content, mayBeEmpty, own })
  const closers: (() => Promise<void> | void)[] = []
  let downstream: Downstream | undefined
  let plants: Plant[] = []
  let verdicts: [string, boolean][] = []
  let receivers: Receivers | undefined

  const open = async () => {
    const env: Record<string, string> = {}
    downstream = await openDownstream()
    const house = openHouse(env)
    closers.push(downstream.stop, house.stop)
    const server = database === 'Postgres' ? await openDatabase(marks, env, note) : undefined
    if (server !== undefined) closers.push(server.stop)
    receivers = await openReceivers(marks, env, house, downstream.elsewhereOrigin)
    const told = receivers
    closers.push(told.close)
    env.INTROSPECTOR = marks.plant('oauth introspector')
    plants = plantsOf(downstream, server, await downstream.greeting(marks.plant('greeting')), marks, 'env:INTROSPECTOR')
    const managers = await plantManagers(marks, house, downstream.live, downstream.elsewhereOrigin)
    closers.push(managers.stop)
    const signals = await plantSignals(marks, env, house)
    closers.push(signals.stop)
    const hr = await plantHr(marks, env, house)
    closers.push(hr.stop)
    const inventory = await plantInventory(marks, env)
    closers.push(inventory.stop)
    const directories = await plantDirectories(marks, env)
    closers.push(directories.stop)
    const rows = [...plants.flatMap((plant) => rowsOf(plant, marks, env, house, downstream)), ...managers.rows]
    const ledger = { publish: true, anchors: told.anchors }
    const auditors = plantAuditors(marks, env, house)
    const evidence = { auditorTokens: auditors.auditorTokens }
    const planted = configOf(plants, server, marks, env, downstream)
    // Wrapped, where commands run in the daemon and derive its key once.
    const ring = plantKeyRing(marks, env, server === undefined)
    const config = {
      ...planted,
      keyRing: ring.keyRing,
      systems: [...planted.systems, inventory.system],
      alerts: told.alerts,
      ledger,
      evidence,
      secretManagers: managers.secretManagers,
      sources: [...plantSources(marks, env), ...signals.sources, ...hr.sources, ...directories.sources],
    }
    house.configure(config)
    house.write('identities.jsonl', identities())
    house.write('credentials.jsonl', rows.map((row) => `${JSON.stringify(row)}\n`).join(''))

    // Everything is said to a running daemon; on PGlite the commands are run inside it.
    let daemon = await house.daemon()
    const run = async (line: string, stdin?: string) => {
      const ran = await house.run(line.split(' '), stdin === undefined ? {} : { stdin })
      note(`revenant ${line}`, `${ran.stdout}${ran.stderr}`, { mayBeEmpty: true })
      return ran
    }
    expect(await run('import identities identities.jsonl --json')).toMatchObject({ exit: 0 })
    expect(await run('import credentials credentials.jsonl --json')).toMatchObject({ exit: 0 })
    await badImports(house, marks, note)
    const submitted = await submissions(house, marks, run, downstream.live)
    verdicts = await judged(run, rows.length + submitted)
    await delivered(
      told,
      // Once is enough: what a sink makes of an answer depends on no database, and the embedded one is slower.
      server !== undefined,
      async () => `${(await run('findings list')).stdout}${(await run('alerts list')).stdout}${daemon.said().slice(-3_000)}`,
    )
    note('process list', processList(daemon.pid))
    await ask(daemon, note, 'while all is well')
    await everyCommand(run, server === undefined ? ' --json' : '')
    await readLedger(daemon.address, note)
    await pullEvidence(daemon.address, auditors, marks, note).catch((error: unknown) => {
      // The daemon's log says why.
      throw new Error(daemon.said().slice(-3_000), { cause: error })
    })
    await askAsAuditor({ house, run, note, receivers: told, marks, inDaemon: server === undefined })
    // What comes in by sources and files is the same on every database: on one of them is enough.
    if (server === undefined) {
      await tellSources(daemon.address, marks, env, note)
      await signals.tell(daemon.address, run, note)
      await directories.tell(run)
      await hr.tell(daemon.address, run, note)
      await inventory.tell(run)
      await foundThings(house, marks, downstream, note, true)
    }
    if (server !== undefined) await tries(house, plants, marks, downstream.live, note)
    const malformed = malformedSinks(told.alerts, marks, house)
    await reloads({ house, daemon, config, marks, downstream, note, malformed })
    if (server !== undefined) await databaseGone(server, daemon, run, note)
    await crashes(house, daemon, note, server === undefined)
    daemon = await house.daemon()
    // What needs no database is done with one of them.
    if (server === undefined) {
      await literalSecrets(house, config, marks, note)
      await malformedSecrets(malformed, house, note)
    }
    note('process list, at the end', processList(daemon.pid))
    const ended = await daemon.stop()
    note('log of the last daemon', `${ended.stdout}${ended.stderr}`)

    told.note(note)
    note('elsewhere', downstream.elsewhere(), { mayBeEmpty: true })
    await ring.askWrongly(house, note)
    await ring.plantKeys(house)
    await noteBundle(house, note)
    for (const [place, content] of filesOf(house, ring.isWrapped)) note(place, content, { mayBeEmpty: true })
    for (const [place, content] of await dump(house, server, env)) note(place, content, { mayBeEmpty: true })
  }

  return {
    open,
    close: async () => {
      for (const close of closers.toReversed()) await close()
    },
    marks,
    downstream: () => {
      if (downstream === undefined) throw new Error('nothing was opened')
      return downstream
    },
    receivers: () => {
      if (receivers === undefined) throw new Error('nothing was opened')
      return receivers
    },
    plants: () => plants,
    verdicts: () => verdicts,
    leaks: () =>
      places.flatMap(({ place, content, own }) =>
        marks.search(place, content).filter(({ kind }) => own === undefined || !kind.startsWith(own)),
      ),
    empty: () => places.filter(({ content, mayBeEmpty }) => !mayBeEmpty && content.length === 0).map(({ place }) => place),
  }
}
