import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { AnchorEntry } from '../../src/evidence/anchors/anchor.ts'
import { verifyTimestamp } from '../../src/evidence/anchors/rfc3161.ts'
import { anchorNewest } from '../../src/evidence/anchors/run.ts'
import { openCheckpoint } from '../../src/evidence/checkpoint.ts'
import { parseVkey } from '../../src/evidence/note-key.ts'
import { parseNote } from '../../src/evidence/signed-note.ts'
import { appendLedger, latestCheckpoint } from '../../src/store/ledger.ts'
import { lastAnchored, listAnchors } from '../../src/store/ledger-anchor.ts'
import { needs } from '../servers/require.ts'
import { STORES, type TestStore } from '../servers/stores.ts'
import { openssl, startTsa, type Tsa } from '../servers/tsa.ts'
import { startWitness } from '../servers/witness.ts'
import { type LedgerHouse, openLedgerHouse, someLeaves } from './house.ts'

const embedded = STORES[0]
const hasOpenssl = needs('openssl', openssl)

let at: TestStore
let house: LedgerHouse
let folder: string
let failures: [string, string][] = []
const closers: (() => Promise<unknown>)[] = []
let clock = Temporal.Now.instant()

beforeAll(async () => {
  if (embedded === undefined) throw new Error('no store')
  at = await embedded.open()
})
afterAll(() => at.stop())
beforeEach(async () => {
  for (const table of [
    'ledger_outbox',
    'ledger_entry',
    'ledger_tile',
    'ledger_checkpoint',
    'ledger_anchor',
    'ledger_key',
  ] as const)
    await at.store.db.deleteFrom(table).execute()
  house = openLedgerHouse(at.store.db)
  folder = mkdtempSync(join(tmpdir(), 'revenant-anchor-'))
  failures = []
  clock = Temporal.Now.instant()
  await grow(5)
})
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
  rmSync(folder, { recursive: true, force: true })
})

async function grow(count: number): Promise<void> {
  await appendLedger(at.store.db, 'observation', someLeaves(count))
  await house.sequencer.run()
}

function anchor(entry: AnchorEntry, everyMs = 0): Promise<number> {
  const deps = {
    db: at.store.db,
    anchors: [entry],
    everyMs,
    keys: async () => (await house.sequencer.signers()).keys,
    resolve: async (reference: string) => `Bearer ${reference}`,
    now: () => clock,
    failed: (name: string, error: Error) => void failures.push([name, error.message]),
  }
  return anchorNewest(deps, new AbortController().signal)
}

describe('a file', () => {
  it('gets each checkpoint once, at most so often', async () => {
    const path = join(folder, 'checkpoints')
    const entry = { name: 'worm', kind: 'file', path } as const
    expect(await anchor(entry, 60_000)).toBe(1)
    const first = (await latestCheckpoint(at.store.db))?.note ?? ''
    expect(await anchor(entry, 60_000)).toBe(0)
    await grow(1)
    expect(await anchor(entry, 60_000)).toBe(0)
    clock = clock.add({ seconds: 61 })
    expect(await anchor(entry, 60_000)).toBe(1)
    const second = (await latestCheckpoint(at.store.db))?.note ?? ''
    expect(readFileSync(path, 'utf8')).toBe(`${first}\n${second}\n`)
  })

  it('that cannot be written is told of, and tried again', async () => {
    const entry = { name: 'worm', kind: 'file', path: join(folder, 'none', 'checkpoints') } as const
    expect(await anchor(entry, 60_000)).toBe(0)
    expect(failures).toEqual([['worm', expect.stringContaining('no such file or folder')]])
    expect(await listAnchors(at.store.db, 5)).toMatchObject([{ ok: false, detail: expect.stringContaining('cannot be written') }])
    expect(await anchor(entry, 60_000)).toBe(0)
    expect(failures).toHaveLength(1)
    clock = clock.add({ minutes: 2 })
    expect(await anchor({ ...entry, path: join(folder, 'checkpoints') }, 60_000)).toBe(1)
    expect(await listAnchors(at.store.db, 5)).toMatchObject([{ ok: true, detail: null }])
  })
})

it('a webhook gets the note, with the authorization that its reference holds; anything but 2xx is a failure', async () => {
  const got: [string | undefined, string][] = []
  let status = 204
  const server = createServer((request, response) => {
    let body = ''
    request.on('data', (chunk: Buffer) => {
      body += chunk.toString()
    })
    request.on('end', () => {
      got.push([request.headers.authorization, body])
      response.writeHead(status, { location: 'http://127.0.0.1:9/' }).end()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  closers.push(() => new Promise((resolve) => server.close(resolve)))
  const address = server.address()
  const port = typeof address === 'object' ? address?.port : 0
  const entry = { name: 'hook', kind: 'webhook', url: `http://127.0.0.1:${port}/`, authorization: 'env:X' } as const
  status = 302
  expect(await anchor(entry)).toBe(0)
  expect(failures).toEqual([['hook', 'the anchor answered 302']])
  status = 204
  expect(await anchor(entry)).toBe(1)
  const { note } = (await latestCheckpoint(at.store.db)) ?? {}
  expect(got).toEqual([
    ['Bearer env:X', note],
    ['Bearer env:X', note],
  ])
})

describe('a witness', () => {
  async function scene() {
    const keys = (await house.sequencer.signers()).keys
    const witness = await startWitness(
      () => keys,
      () => Math.floor(clock.epochMilliseconds / 1_000),
    )
    closers.push(() => witness.close())
    return { witness, entry: { name: 'w1', kind: 'witness', url: witness.url, vkey: witness.vkey } as const, keys }
  }

  it('cosigns what has only grown; its cosignature stands in the checkpoint', async () => {
    const { witness, entry, keys } = await scene()
    expect(await anchor(entry)).toBe(1)
    for (const count of [1, 300]) {
      await grow(count)
      expect(await anchor(entry)).toBe(1)
    }
    expect(witness.cosigned()).toEqual([6, 7, 307])
    expect(witness.statuses()).toEqual([200, 200, 200])
    const note = (await latestCheckpoint(at.store.db))?.note ?? ''
    const { verified } = openCheckpoint(note, keys, { witnesses: [parseVkey(witness.vkey)] })
    expect(verified.map(({ key, atSeconds }) => [key.name, atSeconds])).toEqual([
      [keys[0]?.name, undefined],
      ['witness.example/w1', Math.floor(clock.epochMilliseconds / 1_000)],
    ])
    const row = await lastAnchored(at.store.db, 'w1')
    expect(note.endsWith(Buffer.from(row?.proof ?? []).toString())).toBe(true)
    expect(row?.stated_at?.epochMilliseconds).toBe(Math.floor(clock.epochMilliseconds / 1_000) * 1_000)
    // The log goes on from a checkpoint that others have signed as well.
    await grow(1)
    expect((await latestCheckpoint(at.store.db))?.size).toBe(308)
  })

  it('that remembers another size is given the proof from there', async () => {
    const { witness, entry } = await scene()
    await anchor(entry)
    await grow(3)
    await at.store.db.deleteFrom('ledger_anchor').execute()
    expect(await anchor(entry)).toBe(1)
    expect(witness.statuses()).toEqual([200, 409, 200])
    await grow(3)
    witness.behave('forgetful')
    expect(await anchor(entry)).toBe(1)
    expect(witness.statuses().slice(3)).toEqual([409, 200])
  })

  it('whose signature is false, or that is down, is not believed', async () => {
    const { witness, entry } = await scene()
    witness.behave('down')
    expect(await anchor(entry)).toBe(0)
    witness.behave('false signature')
    expect(await anchor(entry)).toBe(0)
    expect(failures.map(([, message]) => message)).toEqual([
      'the anchor answered 503',
      expect.stringContaining('the signature of witness.example/w1'),
    ])
    expect((await latestCheckpoint(at.store.db))?.note).not.toContain('witness.example')
  })
})

describe.skipIf(!hasOpenssl)(`a time-stamping authority${hasOpenssl ? '' : ': openssl is not installed'}`, () => {
  let tsa: Tsa
  beforeEach(async () => {
    tsa = await startTsa()
    closers.push(() => tsa.close())
  })
  const entry = () => ({ name: 'tsa', kind: 'rfc3161', url: tsa.url, ca: tsa.ca }) as const

  it('states the time of a checkpoint; openssl says the same of what is kept', async () => {
    const taken = await anchor(entry())
    expect(failures).toEqual([])
    expect(taken).toBe(1)
    const row = await lastAnchored(at.store.db, 'tsa')
    const { text } = parseNote((await latestCheckpoint(at.store.db))?.note ?? '')
    expect(Math.abs((row?.stated_at?.epochMilliseconds ?? 0) - Date.now())).toBeLessThan(60_000)
    writeFileSync(join(folder, 'body'), text)
    writeFileSync(join(folder, 'reply.tsr'), row?.proof ?? '')
    const said = execFileSync(openssl, ['ts', '-verify', '-data', 'body', '-in', 'reply.tsr', '-CAfile', tsa.ca], {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    expect(said.toString()).toContain('Verification: OK')
    // From the shelf, without the nonce.
    const pem = [readFileSync(tsa.ca, 'utf8')]
    expect(await verifyTimestamp(row?.proof ?? Buffer.of(), Buffer.from(text), pem)).toEqual(row?.stated_at)
    const INVALID = expect.objectContaining({ code: 'EVIDENCE_INVALID' })
    await expect(verifyTimestamp(row?.proof ?? Buffer.of(), Buffer.from('x'), pem)).rejects.toThrow(INVALID)
  })

  it.each([
    ['a false signature', (reply: Buffer) => flipLast(reply), 'its signature does not hold'],
    ['no timestamp', () => Buffer.from('hello'), 'it cannot be read'],
    ['nothing', () => Buffer.of(), 'it cannot be read'],
  ])('that answers %s is not believed', async (_, change, why) => {
    tsa.answerWith(change)
    expect(await anchor(entry())).toBe(0)
    expect(failures).toEqual([['tsa', expect.stringContaining(why)]])
  })

  it('that answers an older request is not believed', async () => {
    let kept: Buffer | undefined
    tsa.answerWith((reply) => {
      kept ??= reply
      return kept
    })
    expect(await anchor(entry())).toBe(1)
    await at.store.db.deleteFrom('ledger_anchor').execute()
    expect(await anchor(entry())).toBe(0)
    expect(failures).toEqual([['tsa', expect.stringContaining('it answers another request')]])
  })

  it('of another root is not believed', async () => {
    expect(await anchor({ ...entry(), ca: tsa.stranger })).toBe(0)
    expect(failures).toEqual([['tsa', expect.stringContaining('its signature does not hold')]])
  })
})

/** The signature is the last thing in a response without further attributes. */
function flipLast(reply: Buffer): Buffer {
  const changed = Buffer.from(reply)
  changed[changed.length - 1] = (changed.at(-1) ?? 0) ^ 1
  return changed
}
