import type { DoctorCheck } from '../api/schemas/setup.ts'
import { RevenantError } from '../domain/error.ts'
import { parseReference } from '../domain/reference.ts'
import type { Runtime } from './runtime.ts'

/** Whether each source of leavers can have its secrets: one without its token hears nobody, and says so only when somebody knocks. */
export async function* examineSources({ feeds, secrets }: Runtime): AsyncGenerator<DoctorCheck> {
  for (const { feed, config } of feeds.all()) {
    const name = `source ${feed.name}`
    const faults: string[] = []
    for (const reference of referencesIn(config.options))
      await secrets.read(reference).catch((error: unknown) => {
        faults.push(error instanceof RevenantError ? error.message : `${reference} cannot be read`)
      })
    yield faults.length === 0
      ? { name, level: 'ok', detail: `${feed.kind}, its secrets can be read` }
      : { name, level: 'fail', detail: faults.join('; '), mend: 'give it what sources names: until then it hears nobody' }
  }
}

/** Every reference among a source's own keys. */
function referencesIn(value: unknown): string[] {
  if (typeof value === 'string') return parseReference(value) === undefined ? [] : [value]
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(referencesIn) : []
}
