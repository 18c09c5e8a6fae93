import { readFile } from 'node:fs/promises'
import { z } from 'zod'
import type { Config } from '../config/config.ts'
import { leafOf } from '../domain/leaf.ts'
import { sha256 } from '../evidence/crypto.ts'
import { audit, lastAudit } from '../store/audit.ts'
import type { Runtime } from './runtime.ts'

export const ACCEPTED = 'configuration.accepted'

/** Digests, by which two configurations are compared; the values themselves are nobody's but the file's. */
const digests = z.record(z.string(), z.string())
const accepted = z.object({ parts: digests })

/**
 * Logs which configuration is in force, where it differs from the last one that this replica logged: the digest of the file, a digest
 * for each section, system and receiver, and the names of those that changed. False: nothing changed.
 *
 * @param path of the file, whose digest is taken as it is now
 */
export async function logConfiguration(
  runtime: Pick<Runtime, 'config' | 'instance' | 'now' | 'store'>,
  path: string,
): Promise<boolean> {
  const { db } = runtime.store
  const actor = `daemon ${runtime.instance}`
  const parts = partsOf(runtime.config)
  const last = accepted.safeParse((await lastAudit(db, ACCEPTED, actor))?.detail)
  const before = last.success ? last.data.parts : undefined
  const changed = before === undefined ? undefined : changesOf(before, parts)
  if (changed?.length === 0) return false
  // Whoever moves the file away in this moment has not changed what is in force.
  const file = await readFile(path).then(
    (bytes) => Buffer.from(sha256(bytes)).toString('hex'),
    () => null,
  )
  const detail = { file, parts, ...(changed === undefined ? { first: true } : { changed }) }
  await audit(db, { actor, action: ACCEPTED, subject: path, detail, at: runtime.now() })
  return true
}

/** A digest for each part of a configuration: its sections, and each system and receiver by its name. */
export function partsOf({ systems, alerts, ...sections }: Config): Record<string, string> {
  const named = (prefix: string, entries: readonly { name: string }[]) =>
    entries.map((entry): [string, unknown] => [`${prefix}.${entry.name}`, entry])
  const parts = [...Object.entries(sections), ...named('systems', systems), ...named('alerts', alerts)]
  return Object.fromEntries(
    parts.map(([name, value]) => [name, leafOf({ value: z.json().parse(JSON.parse(JSON.stringify(value))) })]),
  )
}

function changesOf(before: Readonly<Record<string, string>>, after: Readonly<Record<string, string>>): string[] {
  const names = new Set([...Object.keys(before), ...Object.keys(after)])
  return [...names].filter((name) => before[name] !== after[name]).toSorted()
}
