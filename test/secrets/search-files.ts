import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { House } from '../servers/revenant.ts'

/** Everything in the house that this test did not write itself, temporary files included. */
export function* filesOf(house: House, ringIsWrapped: boolean): Generator<[string, Buffer]> {
  for (const entry of readdirSync(house.folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name)
    if (entry.isSymbolicLink()) yield [`link ${path}`, Buffer.from(readlinkSync(path))]
    // A core file is the machine's doing (ulimit -c), not ours. A ring that is wrapped has nothing in clear.
    if (
      !entry.isFile() ||
      house.written().has(path) ||
      (path === house.path('data/keyring.json') && !ringIsWrapped) ||
      /^core(\.\d+)?$/.test(entry.name)
    )
      continue
    yield [`file ${path.slice(house.folder.length + 1)}`, statSync(path).size === 0 ? Buffer.alloc(0) : readFileSync(path)]
  }
}
