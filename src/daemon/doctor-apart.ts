import { hostname } from 'node:os'
import type { FormatContext } from '../alerts/formats/format.ts'
import type { Config } from '../config/config.ts'
import { lookAtKeyRing, readKeyRing } from '../custody/key-ring.ts'
import { readSecret } from '../custody/references.ts'
import { RevenantError } from '../domain/error.ts'
import { type DoctorCheck, ringCheck, sinkCheck } from './doctor.ts'
import { sourceCheck } from './doctor-sources.ts'
import { openSecrets, type Secrets } from './secrets.ts'
import { openSinks } from './sinks.ts'
import { VERSION } from './version.ts'

/**
 * What the doctor can say without the database: key ring, secrets of canaries, receivers and sources, folders. Names what it skips, and
 * asks no system: the lockout budgets, the pauses and the rates stand in the database.
 *
 * @param fault why there is no database
 */
export async function* examineApart(config: Config, fault: RevenantError): AsyncGenerator<DoctorCheck> {
  yield { name: 'database', level: 'fail', detail: fault.message, mend: 'start it, or mend database.url' }
  const secrets = openSecrets(config)
  try {
    yield await keyRing(config, secrets)
    yield* canaries(config, secrets)
    yield* receivers(config, secrets)
    for (const source of config.sources) yield await sourceCheck(source, secrets.read)
  } finally {
    await secrets.close()
  }
  yield {
    name: 'skipped',
    level: 'warn',
    detail:
      'without the database: the clock, what the key ring opens, each system (decoy and canary), what sources said, tokens of people and auditors',
    mend: 'run revenant doctor again once the database answers',
  }
}

async function keyRing({ keyRing: path }: Config, secrets: Secrets): Promise<DoctorCheck> {
  try {
    if ((await lookAtKeyRing(path)) === undefined)
      return {
        ...{ name: 'key ring', level: 'warn' },
        detail: `there is no ${path}: one is made at the first start`,
        mend: 'restore it from its backup if the database holds secrets: a new one opens none of them',
      }
    const ring = await readKeyRing({ path, wraps: secrets.wraps() })
    return await ringCheck(path, ring.keys.length, secrets)
  } catch (error) {
    return {
      name: 'key ring',
      level: 'fail',
      detail: told(error),
      mend: 'mend what it says, or restore it from its backup',
    }
  }
}

async function* canaries({ systems }: Config, secrets: Secrets): AsyncGenerator<DoctorCheck> {
  for (const { name: system, controls } of systems) {
    if (controls.canary === undefined) continue
    const name = `system ${system} canary`
    try {
      await readSecret(controls.canary, secrets.read)
      yield { name, level: 'ok', detail: 'its secret can be read; it was not tried' }
    } catch (error) {
      yield { name, level: 'fail', detail: told(error), mend: 'mend the reference under controls.canary' }
    }
  }
}

async function* receivers({ alerts, instance = hostname(), publicUrl }: Config, secrets: Secrets): AsyncGenerator<DoctorCheck> {
  const context: FormatContext = {
    product: { name: 'Revenant', version: VERSION, instance },
    hostname: hostname(),
    ...(publicUrl === undefined ? {} : { publicUrl }),
  }
  const sinks = await openSinks(alerts, context, undefined, secrets.read)
  try {
    for (const sink of alerts) yield sinkCheck(sinks, sink)
  } finally {
    await sinks.close()
  }
}

/** An error that is not ours may quote a secret. */
function told(error: unknown): string {
  if (error instanceof RevenantError) return error.message
  throw error
}
