import { hash } from 'node:crypto'
import { claimRequest, type KeptAnswer, keepAnswer, type RequestKey, releaseRequest } from '../store/idempotency.ts'
import { isSame } from './access/opaque.ts'
import type { ApiDeps } from './deps.ts'
import { Problem } from './problem.ts'
import type { Rendered } from './render.ts'
import type { Upload } from './upload.ts'

/** How long an answer is kept under its key. */
export const KEPT_HOURS = 24
/** A request without an answer for so long has died with its process: whoever repeats it is heard. */
const STALE_MINUTES = 15
/** Longer answers are not kept. */
const MOST_KEPT = 262_144

export interface KeyedRequest extends RequestKey {
  method: string
  url: string
  body: unknown
  upload: Upload | undefined
}

/** What the header Idempotency-Key says; undefined: it was not sent. Quotes around it (as in draft-ietf-httpapi-idempotency-key-header) fall away. */
export function keyOf(header: string | string[] | undefined): string | undefined {
  if (header === undefined) return undefined
  const key = /^"?([\x21\x23-\x7e]{1,255}?)"?$/.exec(String(header))?.[1]
  if (key === undefined) throw new Problem(400, 'Idempotency-Key must be 1 to 255 printable ASCII characters without blanks.')
  return key
}

/**
 * Runs a request once for its actor and key: whoever sends it again within a day gets the same answer, marked. What failed changed
 * nothing and may be sent again under the same key. Throws 409 while the first still runs and where its answer is not kept, 422 for
 * another request under the same key.
 */
export async function once(
  asked: KeyedRequest,
  run: () => Promise<Rendered>,
  { db, now }: Pick<ApiDeps, 'db' | 'now'>,
): Promise<Rendered> {
  const at = now()
  const digest = asked.upload === undefined ? digestOf(asked, bodyDigest(asked.body)) : null
  const times = {
    now: at,
    staleBefore: at.subtract({ minutes: STALE_MINUTES }),
    forgottenBefore: at.subtract({ hours: KEPT_HOURS }),
  }
  const before = await claimRequest(db, asked, digest, times)
  if (before !== undefined) return again(asked, before, digest)
  const rendered = await run().catch(async (error: unknown) => {
    await releaseRequest(db, asked)
    throw error
  })
  const whole = digest ?? digestOf(asked, (await asked.upload?.drain()) ?? bodyDigest(undefined))
  await keepAnswer(db, asked, whole, kept(rendered))
  return rendered
}

async function again(
  asked: KeyedRequest,
  before: { digest: Uint8Array | null; answer: KeptAnswer | undefined },
  digest: Uint8Array | null,
): Promise<Rendered> {
  const { answer } = before
  if (answer === undefined)
    throw new Problem(409, 'The first request with this Idempotency-Key still runs.', undefined, { code: 'KEY_IN_USE' })
  const mine = digest ?? digestOf(asked, (await asked.upload?.drain()) ?? bodyDigest(undefined))
  if (before.digest === null || !isSame(hex(before.digest), hex(mine)))
    throw new Problem(422, 'This Idempotency-Key was sent with another request.', undefined, { code: 'KEY_OF_ANOTHER' })
  if (answer.body === null && answer.status !== 204)
    throw new Problem(409, 'The first request with this Idempotency-Key was done; its answer was shown once.', undefined, {
      code: 'SHOWN_ONCE',
    })
  const headers = { ...answer.headers, 'idempotency-replayed': 'true' }
  return { status: answer.status, headers, cookies: [], content: answer.body ?? undefined, repeatable: true }
}

function kept({ status, headers, content, repeatable }: Rendered): KeptAnswer {
  const body = repeatable && typeof content === 'string' && content.length <= MOST_KEPT ? content : null
  return { status, headers: body === null && status !== 204 ? {} : headers, body }
}

function digestOf({ method, url }: KeyedRequest, body: Uint8Array): Uint8Array {
  return hash('sha256', `${method} ${url}\n${hex(body)}`, 'buffer')
}

function bodyDigest(body: unknown): Uint8Array {
  return hash('sha256', JSON.stringify(body) ?? '', 'buffer')
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}
