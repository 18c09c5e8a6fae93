import { expect } from 'vitest'
import { loadProbe } from '../../probes/registry.ts'
import { type Replayed, type ReplayOptions, replay } from '../conformance/replay.ts'
import { type Asked, type Given, openHttp } from '../servers/hostile-http.ts'
import type { AnswerRow } from './http-answers.ts'

/** One attempt of a kind against a server that answers as told, through the dispatcher that the daemon uses. */
export async function drive(
  kind: string,
  target: (origin: string) => unknown,
  secret: unknown,
  answer: (asked: Asked) => Given,
  options: ReplayOptions = {},
): Promise<Replayed & { asked: Asked[]; origin: string }> {
  const server = await openHttp(answer)
  try {
    const probe = await loadProbe(kind)
    const bound = probe.bind(target(server.origin))
    const replayed = await replay(bound, bound.secret(secret), options)
    return { ...replayed, asked: server.asked, origin: server.origin }
  } finally {
    await server.stop()
  }
}

/** Drives a row and holds what comes of it against the row. */
export async function driveRow(row: AnswerRow): Promise<Replayed & { asked: Asked[] }> {
  const driven = await drive(row.kind, row.target, row.secret, () => row.given)
  expect(driven.thrown).toBeUndefined()
  const { judgement } = driven
  expect({ verdict: judgement.verdict, reason: judgement.reason }).toEqual({ verdict: row.verdict, reason: row.reason })
  if (row.strength !== undefined) expect(judgement.strength).toBe(row.strength)
  if (row.principal !== undefined) expect(judgement.principal).toBe(row.principal)
  if (row.retryAfterMs !== undefined) expect(judgement.retryAfterMs).toBe(row.retryAfterMs)
  expect(judgement.wire.status).toBe(row.given.status)
  for (const value of Object.values(Object(row.secret))) {
    if (typeof value === 'string' && !['Alice', 'alice@example.com', 'T0ABC', 'B0ABC'].includes(value))
      expect(driven.text).not.toContain(value)
  }
  return driven
}
