import { readdirSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { RevenantError } from '../src/domain/error.ts'
import type { Inventory } from '../src/probe/inventory.ts'

const FOLDER = new URL('./inventory/', import.meta.url)

/** Every system that `inventory.kind` may name, sorted. Only the names are read here. */
export const INVENTORY_KINDS: readonly string[] = readdirSync(FOLDER)
  .flatMap((file) => (file.endsWith('.yaml') ? [file.slice(0, -'.yaml'.length)] : []))
  .toSorted()

const loaded = new Map<string, Promise<Inventory>>()

/** The inventory of a system; the same one at each call. Throws `PROBE_UNKNOWN`, and `CATALOGUE_INVALID` for a file that does not parse. */
export function loadInventory(kind: string): Promise<Inventory> {
  const known = loaded.get(kind)
  if (known !== undefined) return known
  const loading = load(kind)
  loaded.set(kind, loading)
  // A failure is not kept: the file may be mended while the daemon runs.
  loading.catch(() => loaded.delete(kind))
  return loading
}

async function load(kind: string): Promise<Inventory> {
  // Not quoted: a slip can put anything here.
  if (!INVENTORY_KINDS.includes(kind))
    throw new RevenantError('PROBE_UNKNOWN', `there is no inventory of that kind. There are: ${INVENTORY_KINDS.join(', ')}.`)
  const fileName = `${kind}.yaml`
  const [text, { inventoryOf }] = await Promise.all([
    readFile(new URL(fileName, FOLDER), 'utf8'),
    import('../src/probe/inventory.ts'),
  ])
  return inventoryOf(text, fileName)
}
