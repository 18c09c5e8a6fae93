import type { DoctorCheck } from '../api/schemas/setup.ts'
import type { SourceConfig } from '../config/config.ts'
import type { ReadReference } from '../custody/local-reference.ts'
import { RevenantError } from '../domain/error.ts'
import { parseReference } from '../domain/reference.ts'
import { filesOptions } from '../intake/drop/options.ts'
import { feedPage } from '../store/feed-page.ts'
import { examineFolder } from './doctor-folder.ts'
import type { Runtime } from './runtime.ts'

const MOST_FEEDS = 500

/** Whether each source of leavers can have what it needs, see `sourceCheck`, and whether all that it said could be taken. */
export async function* examineSources({ feeds, secrets, store }: Runtime): AsyncGenerator<DoctorCheck> {
  const open = feeds.all()
  const told = open.length === 0 ? [] : await feedPage(store.db, { sort: 'name', limit: MOST_FEEDS, after: undefined })
  for (const { feed, config } of open) {
    const check = await sourceCheck(config, secrets.read)
    const { name } = check
    yield check
    const refused = told.find(({ id }) => id === feed.id)?.refused ?? null
    if (refused !== null)
      yield {
        ...{ name, level: 'warn' },
        detail: `${refused.count} words, of ${refused.subjects} people, could not be taken since ${refused.firstAt}, the last at ${refused.lastAt}`,
        mend: 'look at `revenant sources faults`: a departure may be among them',
      }
  }
}

/**
 * Whether a source of leavers can have its secrets: one without its token hears nobody, and says so only when somebody knocks. And
 * whether its folder is there. Needs no database.
 */
export async function sourceCheck({ name: called, source, options }: SourceConfig, read: ReadReference): Promise<DoctorCheck> {
  const name = `source ${called}`
  const faults: string[] = []
  for (const reference of referencesIn(options))
    await read(reference).catch((error: unknown) => {
      faults.push(error instanceof RevenantError ? error.message : `${reference} cannot be read`)
    })
  if (faults.length > 0)
    return { name, level: 'fail', detail: faults.join('; '), mend: 'give it what sources names: until then it hears nobody' }
  if (source !== 'files') return { name, level: 'ok', detail: `${source}, its secrets can be read` }
  const { detail, ...found } = await examineFolder(filesOptions.parse(options))
  return { name, ...found, detail: `files, ${detail}` }
}

/** Every reference among a source's own keys. */
function referencesIn(value: unknown): string[] {
  if (typeof value === 'string') return parseReference(value) === undefined ? [] : [value]
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(referencesIn) : []
}
