import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import type { Daemon } from '../daemon.ts'
import { RevenantError } from '../domain/error.ts'
import { listFindings } from '../store/finding.ts'

/** The demo's identity provider: it writes to the daemon's SCIM server with a token of its own. */
export interface DemoProvider {
  /** Its entry in `sources`. */
  source: Record<string, unknown>
  token: string
}

/** Makes the provider's token, as a file that only this user may read. */
export function demoProvider(folder: string): DemoProvider {
  const token = randomBytes(24).toString('base64url')
  const file = join(folder, 'scim-token')
  writeFileSync(file, token, { mode: 0o600 })
  return { token, source: { name: 'identity-provider', source: 'scim', onInactive: 'terminate', tokens: [`file:${file}`] } }
}

const USER = 'urn:ietf:params:scim:schemas:core:2.0:User'
const PATCH = 'urn:ietf:params:scim:api:messages:2.0:PatchOp'
const LONGEST_MS = 20_000
const LOOK_MS = 20

/**
 * Has the provider say that somebody joined, and then that she left, as Okta would; waits for the first finding about her. Answers what a
 * person is told of it.
 */
export async function leaveByScim(
  { address, runtime }: Daemon,
  { token }: DemoProvider,
  who: { externalId: string; name: string },
  signal: AbortSignal,
): Promise<string> {
  const base = `${address}/scim/v2/Users`
  const ask = async (method: string, url: string, body: unknown): Promise<unknown> => {
    const answer = await fetch(url, {
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/scim+json' },
      body: JSON.stringify(body),
      signal,
    })
    if (!answer.ok) throw new RevenantError('INTERNAL', `the demo's own SCIM request was answered with ${answer.status}`)
    return answer.json()
  }
  const user = await ask('POST', base, { schemas: [USER], userName: who.externalId, displayName: who.name, active: true })
  const { id } = z.looseObject({ id: z.string() }).parse(user)
  const began = performance.now()
  await ask('PATCH', `${base}/${id}`, { schemas: [PATCH], Operations: [{ op: 'replace', value: { active: false } }] })
  while (performance.now() - began < LONGEST_MS && !signal.aborted) {
    const found = await listFindings(runtime.store.db, { identity: who.externalId, limit: 1 })
    const ms = Math.round(performance.now() - began)
    if (found.length > 0) return `${who.name} left by a SCIM request, PATCH /scim/v2/Users: the finding stood ${ms} ms later.`
    await sleep(LOOK_MS, undefined, { signal }).catch(() => {})
  }
  return `${who.name} left by a SCIM request, PATCH /scim/v2/Users.`
}
