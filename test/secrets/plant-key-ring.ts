import { hkdfSync } from 'node:crypto'
import { expect } from 'vitest'
import { readKeyRing } from '../../src/custody/key-ring.ts'
import { openManagers } from '../../src/custody/managers/open.ts'
import { NO_WRAPS, openRingWraps } from '../../src/custody/ring-wrap.ts'
import type { House } from '../servers/revenant.ts'
import type { Marks } from './marks.ts'
import type { Note } from './receivers.ts'

const VARIABLE = 'RING_PASSPHRASE'
const WRAP = { by: 'passphrase' as const, passphrase: `env:${VARIABLE}` }

/** A key ring, and what it is wrapped with, if anything. */
export interface PlantedRing {
  /** The key `keyRing` of the configuration. */
  keyRing: object
  readonly isWrapped: boolean
  /** Once nothing runs: asks with a passphrase that is not the one, and with one that is too short. */
  askWrongly(house: House, note: Note): Promise<void>
  /** Marks what the keys are made of, read from where only they may be. */
  plantKeys(house: House): Promise<void>
}

export function plantKeyRing(marks: Marks, env: Record<string, string>, isWrapped: boolean): PlantedRing {
  const passphrase = marks.plant('passphrase of the key ring')
  if (isWrapped) env[VARIABLE] = passphrase
  const wraps = isWrapped ? openRingWraps({ wrap: WRAP, previous: [] }, openManagers([]), async () => passphrase) : NO_WRAPS
  return {
    keyRing: { file: './data/keyring.json', ...(isWrapped ? { wrap: WRAP } : {}) },
    isWrapped,
    askWrongly: async (house, note) => {
      if (!isWrapped) return
      for (const [line, exit, wrong] of [
        ['keys check', 3, marks.plant('another passphrase')],
        ['credentials list --json', 2, marks.plant('another passphrase')],
        ['keys check --json', 3, passphrase.slice(-14)],
      ] as const) {
        const ran = await house.run(line.split(' '), { env: { [VARIABLE]: wrong } })
        note(`revenant ${line}, with a wrong passphrase`, `${ran.stdout}${ran.stderr}`)
        expect([line, ran.exit]).toEqual([line, exit])
      }
    },
    plantKeys: async (house) => {
      const { keys, fingerprintKey, ledgerKeys } = await readKeyRing({ path: house.path('data/keyring.json'), wraps })
      for (const key of [...keys.map((each) => each.key), fingerprintKey]) marks.plantBytes('key ring', key.export())
      for (const { key } of ledgerKeys)
        marks.plantBytes('key of the ledger', key.export({ type: 'pkcs8', format: 'der' }).subarray(-32))
      // What opens what is handed over is made from them.
      for (const { id, key } of keys) {
        const seed = hkdfSync('sha256', key.export(), id, 'revenant/submission/x25519/v1', 32)
        marks.plantBytes('key of submissions', Buffer.from(seed))
      }
    },
  }
}
