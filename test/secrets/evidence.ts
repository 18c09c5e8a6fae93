import { expect } from 'vitest'
import { z } from 'zod'
import { FORMAT_NAMES } from '../../src/alerts/formats/format.ts'
import { STATEMENT_NAMES } from '../../src/evidence/statements.ts'
import { openBundle } from '../../src/evidence/verify/open-bundle.ts'
import type { House } from '../servers/revenant.ts'
import type { Marks } from './marks.ts'
import type { Note, Receivers } from './receivers.ts'
import type { Run } from './run.ts'

/** The published log: its checkpoint, and every tile of the lowest level and of entries. */
export async function readLedger(address: string, note: Note): Promise<void> {
  const fetched = async (path: string) => {
    const answer = await fetch(`${address}/ledger/${path}`)
    const body = Buffer.from(await answer.arrayBuffer())
    note(`/ledger/${path}`, Buffer.concat([Buffer.from(JSON.stringify([...answer.headers])), body]))
    expect([path, answer.status]).toEqual([path, 200])
    return body.toString()
  }
  const size = Number((await fetched('checkpoint')).split('\n')[1])
  expect(size).toBeGreaterThan(100)
  for (let tile = 0; tile * 256 < size; tile++) {
    const name = `${String(tile).padStart(3, '0')}${size - tile * 256 < 256 ? `.p/${size % 256}` : ''}`
    for (const level of ['0', 'entries']) await fetched(`tile/${level}/${name}`)
  }
}

const PERIOD = '--from 2020-01-01T00:00:00Z --to 2099-01-01T00:00:00Z'
const listed = z.object({ id: z.string() })

/** What an auditor asks for: the log, bundles, OSCAL, statements, and what each alert looked like. */
export async function askAsAuditor(of: {
  house: House
  run: Run
  note: Note
  receivers: Receivers
  marks: Marks
  /** More is asked of the daemon that runs commands itself, which is quicker. */
  inDaemon: boolean
}): Promise<void> {
  const { run, inDaemon, receivers } = of
  const json = inDaemon ? ' --json' : ''
  const done = async (line: string, exits: readonly number[] = [0]) => {
    const ran = await run(line)
    expect([line, exits.includes(ran.exit ?? -1) ? 'done' : `${ran.exit}: ${ran.stderr}`]).toEqual([line, 'done'])
    return ran
  }
  // Each anchor has its ways to fail; a checkpoint that one took is not sent to it again.
  for (let tries = 0; tries < 10 && receivers.anchorsLeft().length > 0; tries++) await done(`ledger anchors --now${json}`)
  expect(receivers.anchorsLeft()).toEqual([])
  await done(`ledger rotate-key${json}`)
  await done(`report evidence ${PERIOD} --out bundle${json}`)
  await done(`report evidence ${PERIOD} --system bearer --out bundle.zip${json}`)
  const statements = inDaemon ? STATEMENT_NAMES : (['leavers', 'operators', 'exemptions'] as const)
  await inPairs(
    [
      'ledger status',
      'ledger checkpoint',
      'ledger proof 0',
      'ledger verify',
      `report oscal ${PERIOD} --out oscal.json`,
      `report poam ${PERIOD} --out poam.json`,
      ...statements.map((name) => `report statement ${name} ${PERIOD}`),
      'verify bundle',
      'verify bundle.zip',
    ],
    (line) => done(`${line}${json}`),
  )
  await done(`report statement revocation ${PERIOD} --csv`)
  if (inDaemon) await previews(run, done)
  else await slips(of)
}

/** The formats, each of the alert of another finding. */
async function previews(run: Run, done: (line: string) => Promise<unknown>): Promise<void> {
  const findings = (await run('findings list --all --kind residual_access --json')).stdout
    .split('\n')
    .filter(Boolean)
    .map((line) => listed.parse(JSON.parse(line)).id)
  // `caep` is signed, by whoever has the key: the sink of that format.
  await inPairs(FORMAT_NAMES, (format) => {
    const finding = findings[FORMAT_NAMES.indexOf(format) % findings.length]
    return done(
      `alerts preview --finding ${finding} --format ${format}${FORMAT_NAMES.indexOf(format) % 2 === 0 ? ' --json' : ''}`,
    )
  })
}

/** A secret where something else belongs. A name that there is not is repeated to whoever typed it; what a file holds is not, nor an id. */
async function slips({ house, run, marks }: { house: House; run: Run; marks: Marks }): Promise<void> {
  const secret = house.write('slip.txt', `${marks.plant('slip: a file')}\n`)
  const lines = [
    `verify bundle --checkpoint ${secret}`,
    'verify bundle --checkpoint data/keyring.json',
    `verify ${secret}`,
    'verify data/keyring.json',
    `report evidence ${PERIOD} --out slipped --since-checkpoint ${secret}`,
    `report statement leavers --from ${marks.plant('slip: --from')} --to 2099-01-01T00:00:00Z`,
    `alerts preview --finding 0000 --format ${marks.plant('slip: --format')}`,
    `alerts preview --finding ${marks.plant('slip: --finding')} --format json`,
  ]
  // 3: the bundle does not continue a checkpoint that is none.
  const exits = [2, 3]
  await inPairs(lines, async (line) => {
    const { exit, stderr } = await run(line)
    expect([line.slice(0, 30), exits.includes(exit ?? -1) ? 'refused' : `${exit}: ${stderr}`]).toEqual([
      line.slice(0, 30),
      'refused',
    ])
  })
}

/** The files of the ZIP, unpacked. */
export async function noteBundle(house: House, note: Note): Promise<void> {
  const bundle = await openBundle(house.path('bundle.zip'))
  expect(bundle.files.size).toBeGreaterThan(5)
  for (const path of bundle.files.keys()) {
    const chunks: Uint8Array[] = []
    for await (const chunk of await bundle.open(path)) chunks.push(chunk)
    note(`bundle.zip: ${path}`, Buffer.concat(chunks), { mayBeEmpty: true })
  }
  await bundle.close()
}

async function inPairs<T>(items: readonly T[], work: (item: T) => Promise<unknown>): Promise<void> {
  for (let at = 0; at < items.length; at += 2) await Promise.all(items.slice(at, at + 2).map(work))
}
