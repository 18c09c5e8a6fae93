import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openCheckpoint } from '../../src/evidence/checkpoint.ts'
import { parseVkey } from '../../src/evidence/note-key.ts'
import { parseTlogProof } from '../../src/evidence/tlog-proof.ts'
import { type House, openHouse, until } from '../servers/revenant.ts'
import { documents, importTokens, openTokenHouse } from './house.ts'

describe('revenant ledger', () => {
  let house: House
  beforeAll(() => {
    house = openHouse()
    house.configure({
      database: { dataDir: 'data' },
      keyRing: 'keyring.json',
      ledger: { publish: true, anchors: [{ name: 'worm', kind: 'file', path: 'checkpoints' }] },
    })
  })
  afterAll(() => house.stop())
  const run = async (...args: string[]) => {
    const ran = await house.run(args)
    expect([ran.exit, ran.stderr]).toEqual([0, ''])
    return ran.stdout
  }
  const status = async () => JSON.parse(await run('ledger', 'status', '--json'))

  it('follows a house from its first command over a running daemon to a new key', { timeout: 180_000 }, async () => {
    await run('pause', '--all', '--note', 'test')
    const first = await run('ledger', 'checkpoint')
    const { origin, size, keys } = await status()
    expect(origin).toMatch(/^revenant\.local\/command-line-|^revenant\.local\//)
    expect(size).toBe(2)
    const [{ vkey }] = keys
    expect(openCheckpoint(first, [parseVkey(vkey)]).checkpoint).toMatchObject({ origin, size: 2 })

    const daemon = await house.daemon()
    const served = await until(
      () => fetch(`${daemon.address}/ledger/checkpoint`).then((answer) => answer.text()),
      (note) => note.split('\n')[1] === '4',
    )
    expect(openCheckpoint(served, [parseVkey(vkey)]).checkpoint.origin).toBe(origin)
    expect(await run('ledger', 'verify')).toContain('The ledger holds: 4 entries')
    const entries = JSON.parse(await run('ledger', 'proof', '2', '--json'))
    expect(parseTlogProof(entries.proof)).toMatchObject({ index: 2 })
    expect(await run('ledger', 'anchors', '--now')).toMatch(/worm +file +4 +anchored/)
    expect(readFileSync(house.path('checkpoints'), 'utf8')).toBe(`${served}\n`)

    await run('ledger', 'rotate-key')
    const turned = await run('ledger', 'checkpoint')
    const after = await status()
    expect(after.keys).toHaveLength(2)
    expect(openCheckpoint(turned, [parseVkey(after.keys[1].vkey)]).checkpoint.size).toBeGreaterThan(4)
    expect(await run('ledger', 'verify')).toContain('The ledger holds')
    expect((await daemon.stop()).exit).toBe(0)
    // The same configuration again is no change, and the same log goes on.
    const again = await house.daemon()
    await again.stop()
    expect(await status()).toMatchObject({ origin, size: after.size })
    const missing = await house.run(['ledger', 'proof', '0198f3c2-7a51-7d1e-8000-0123456789ab'])
    expect([missing.exit, missing.stderr]).toEqual([2, expect.stringContaining('the ledger has no entry of')])
  })
})

it('everything that a sweep and its operators record is in the ledger, as it was recorded', { timeout: 180_000 }, async () => {
  const house = await openTokenHouse()
  try {
    house.api.live.set('token-of-anna', 'anna')
    await importTokens(house, { anna: 'token-of-anna', bob: 'token-of-bob' })
    expect((await house.run(['scan', '--once'])).exit).toBe(3)
    const [finding] = documents(await house.run(['findings', '--json']))
    const id = String(finding?.id)
    for (const words of [
      ['acknowledge', id, '--note', 'ticket'],
      ['exempt', id, '--owner', 'o', '--reason', 'r', '--until', '2099-01-01T00:00:00.123456789Z'],
    ])
      expect(await house.run(['findings', ...words])).toMatchObject({ exit: 0, stderr: '' })
    house.api.live.delete('token-of-anna')
    await house.run(['identities', 'terminate', 'anna'])
    await house.run(['scan', '--once'])
    await house.run(['ledger', 'checkpoint'])
    const [report] = documents(await house.run(['ledger', 'verify', '--json']))
    expect(report).toMatchObject({ faults: [], gone: 0 })
    expect(report?.rows).toBe(report?.size)
    expect(Number(report?.size)).toBeGreaterThan(12)
  } finally {
    await house.stop()
  }
})
