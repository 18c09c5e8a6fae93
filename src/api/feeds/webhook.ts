import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { z } from 'zod'
import { RevenantError } from '../../domain/error.ts'
import { type Hook, hookOf } from '../../intake/hr/hook.ts'
import { webhookOptions } from '../../intake/hr/hook-options.ts'
import { verifySignature } from '../../intake/hr/signature.ts'
import { type HookFault, type HookTaken, takeHook } from '../../intake/hr/take-hook.ts'
import { noteFault } from '../../store/feed-fault.ts'
import { openThrottle } from '../throttle.ts'
import type { FeedHttpDeps, PushedFeed } from './deps.ts'

const BODY_LIMIT = 1_048_576
/** What a reference holds is read again after so long: a secret may be replaced while the daemon runs. */
const KEPT_MS = 30_000

const params = z.object({ name: z.string().max(63) })
const refused = z.object({ statusCode: z.number().int().min(400).max(499) })

/**
 * Webhooks of HR systems: `POST /hooks/NAME`. 401 for a signature that is missing, wrong or too old, 422 for a body that cannot be
 * understood, 503 for what another try may bring: senders try again after 5xx only.
 */
export async function addWebhook(app: FastifyInstance, deps: FeedHttpDeps): Promise<void> {
  const throttle = openThrottle()
  const secretsOf = openSecrets(deps)
  await app.register(
    async (hooks) => {
      hooks.removeAllContentTypeParsers()
      // What is signed is the bytes: whatever they are called, they are read as they came.
      hooks.addContentTypeParser('*', { parseAs: 'buffer', bodyLimit: BODY_LIMIT }, (_request, body, done) => done(null, body))
      hooks.setErrorHandler((error, _request, reply) => {
        const status = refused.safeParse(error).data?.statusCode
        if (status === undefined) deps.logger.error({ err: error }, 'a webhook failed')
        return send(reply, status ?? 500, {
          error: status === 413 ? 'too large' : status === undefined ? 'failed' : 'unreadable',
        })
      })
      hooks.setNotFoundHandler((_request, reply) => send(reply, 404, { error: 'no such hook' }))
      hooks.post('/:name', { bodyLimit: BODY_LIMIT }, async (request, reply) => {
        const { name } = params.parse(request.params)
        const pushed = deps.feeds('webhook').find(({ feed }) => feed.name === name)
        if (pushed === undefined) return send(reply, 404, { error: 'no such hook' })
        const intake = deps.intake(pushed.feed)
        const options = webhookOptions.parse(pushed.options)
        const hook = hookOf(options, intake.policy)
        const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0)
        if (hook.pings.includes(body.toString('utf8'))) return send(reply, 200, { ping: true })
        const secrets = await secretsOf(options.secrets)
        const signed = { body, header: (header: string) => headerOf(request, header) }
        const verified = verifySignature(hook.signature, secrets, signed, deps.now())
        if (verified.is !== 'good') {
          // Whoever signs rightly is never shut out by somebody who does not.
          if (throttle.waitMs(request.ip) > 0)
            return send(reply.header('retry-after', '60'), 429, { error: 'too many wrong signatures' })
          throttle.failed(request.ip)
          deps.logger.warn({ feed: name, because: verified.is }, 'a webhook was not signed as it must be')
          // A secret that cannot be read may be there at the next try.
          if (secrets.length === 0) return send(reply, 503, { error: 'not ready' })
          return send(reply, 401, { error: verified.is === 'stale' ? 'the timestamp is too far from now' : 'not signed' })
        }
        return take(reply, deps, pushed, hook, { raw: body, replayKey: verified.replayKey })
      })
    },
    { prefix: '/hooks' },
  )
}

async function take(
  reply: FastifyReply,
  deps: FeedHttpDeps,
  { feed }: PushedFeed,
  hook: Hook,
  { raw, replayKey }: { raw: Buffer; replayKey: string },
): Promise<FastifyReply> {
  const context = { deps: deps.intake(feed), readReference: deps.readReference }
  try {
    const done = await takeHook(feed, hook, { body: jsonOf(raw), replayKey }, context)
    await noteFaults(deps, feed, done.faults)
    const [first] = done.faults
    // Who was taken is not taken twice: the next try is for the others.
    if (done.faults.some(({ again }) => again)) return send(reply, 503, { error: 'not now', ...answerOf(done) })
    if (first !== undefined && done.taken.length === 0) return send(reply, 422, { error: first.message })
    return send(reply, 200, answerOf(done))
  } catch (error) {
    if (!(error instanceof RevenantError)) throw error
    const again = error.code !== 'INPUT_INVALID'
    await noteFaults(deps, feed, [{ key: undefined, message: error.message, at: deps.now(), again }])
    return again ? send(reply, 503, { error: 'not now' }) : send(reply, 422, { error: error.message })
  }
}

/** What was not taken may have been a departure: it stands at the source until the same person is heard well. */
async function noteFaults(deps: FeedHttpDeps, feed: PushedFeed['feed'], faults: readonly HookFault[]): Promise<void> {
  const [first] = faults
  if (first === undefined) return
  deps.logger.warn({ feed: feed.name, faults: faults.length, first: first.message }, 'a webhook could not be taken whole')
  for (const { key, message, at } of faults)
    await noteFault(deps.db, feed.id, { key, fault: `a webhook could not be taken: ${message}`, saidAt: at }, deps.now())
}

function answerOf({ repeated, taken, faults }: HookTaken) {
  const outcomes = Object.fromEntries(
    Map.groupBy(taken, ({ outcome }) => outcome)
      .entries()
      .map(([outcome, of]) => [outcome, of.length]),
  )
  return { repeated, outcomes, passedOver: faults.length }
}

function jsonOf(raw: Buffer): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(raw))
  } catch {
    throw new RevenantError('INPUT_INVALID', 'the body is no JSON')
  }
}

function headerOf({ headers }: FastifyRequest, name: string): string | undefined {
  const value = headers[name.toLowerCase()]
  return Array.isArray(value) ? value.join(' ') : value
}

function openSecrets(deps: FeedHttpDeps): (references: readonly string[]) => Promise<string[]> {
  const kept = new Map<string, { secret: string | undefined; until: number }>()
  const secretOf = async (reference: string): Promise<string | undefined> => {
    const known = kept.get(reference)
    if (known !== undefined && known.until > performance.now()) return known.secret
    const secret = await deps.readReference(reference).catch((error: unknown) => {
      deps.logger.warn({ err: error }, 'a signing secret of a source cannot be read: nothing is verified by it')
      return undefined
    })
    kept.set(reference, { secret, until: performance.now() + KEPT_MS })
    return secret
  }
  return async (references) => {
    const secrets = await Promise.all(references.map(secretOf))
    // An empty key would verify what anybody signs.
    return secrets.flatMap((secret) => (secret === undefined || secret.trim() === '' ? [] : [secret]))
  }
}

function send(reply: FastifyReply, status: number, body: Record<string, unknown>): FastifyReply {
  return reply.code(status).type('application/json; charset=utf-8').header('cache-control', 'no-store').send(JSON.stringify(body))
}
