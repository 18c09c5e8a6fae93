import { hkdfSync } from 'node:crypto'
import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import type { House } from '../servers/revenant.ts'
import type { Marks } from './marks.ts'

/** Everything in the house that this test did not write itself, temporary files included. */
export function* filesOf(house: House): Generator<[string, Buffer]> {
  for (const entry of readdirSync(house.folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name)
    if (entry.isSymbolicLink()) yield [`link ${path}`, Buffer.from(readlinkSync(path))]
    // A core file is the machine's doing (ulimit -c), not ours.
    if (
      !entry.isFile() ||
      house.written().has(path) ||
      path === house.path('data/keyring.json') ||
      /^core(\.\d+)?$/.test(entry.name)
    )
      continue
    yield [`file ${path.slice(house.folder.length + 1)}`, statSync(path).size === 0 ? Buffer.alloc(0) : readFileSync(path)]
  }
}

/** What keys are made of, read from where only they may be. */
export function plantKeyRing(marks: Marks, house: House): void {
  const ring = z
    .object({ keys: z.array(z.object({ id: z.string(), key: z.base64() })), fingerprintKey: z.base64() })
    .parse(JSON.parse(readFileSync(house.path('data/keyring.json'), 'utf8')))
  for (const key of [...ring.keys.map((each) => each.key), ring.fingerprintKey])
    marks.plantBytes('key ring', Buffer.from(key, 'base64'))
  // What opens what is handed over is made from them.
  for (const { id, key } of ring.keys) {
    const seed = hkdfSync('sha256', Buffer.from(key, 'base64'), id, 'revenant/submission/x25519/v1', 32)
    marks.plantBytes('key of submissions', Buffer.from(seed))
  }
}
