import { mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'

/** Where requests keep files that live as long as they do. */
export interface WorkFolder {
  /** A new, empty folder for one request; `remove` deletes it with all that is in it. */
  make(): Promise<{ path: string; remove(): Promise<void> }>
}

const PREFIX = 'request-'
/** No request takes this long: what is older was left behind by a crash. */
const STALE_MS = 86_400_000

/** @param parent an existing folder that nobody else reads: what lies here is evidence */
export async function openWorkFolder(parent: string): Promise<WorkFolder> {
  await removeStale(parent)
  return {
    make: async () => {
      const path = await mkdtemp(join(parent, PREFIX))
      return { path, remove: () => rm(path, { recursive: true, force: true }) }
    },
  }
}

async function removeStale(parent: string): Promise<void> {
  for (const name of await readdir(parent)) {
    if (!name.startsWith(PREFIX)) continue
    const path = join(parent, name)
    const found = await stat(path).catch(() => undefined)
    if (found !== undefined && Date.now() - found.mtimeMs > STALE_MS) await rm(path, { recursive: true, force: true })
  }
}
