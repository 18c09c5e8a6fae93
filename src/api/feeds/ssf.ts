import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { z } from 'zod'
import { RevenantError } from '../../domain/error.ts'
import { SetFault } from '../../intake/ssf/fault.ts'
import { type SsfOptions, ssfOptions } from '../../intake/ssf/options.ts'
import { takeSet } from '../../intake/ssf/take-set.ts'
import { openTransmitter } from '../../intake/ssf/transmitter.ts'
import { openVerify, type VerifySet } from '../../intake/ssf/verify.ts'
import { failedFeed } from '../../store/feed.ts'
import { openThrottle } from '../throttle.ts'
import { openBearers } from './bearer.ts'
import type { FeedHttpDeps, PushedFeed } from './deps.ts'

/** A token with an event or two has a few kilobytes. */
const BODY_LIMIT = 262_144

interface Receiver {
  options: SsfOptions
  verify: VerifySet
  /** Whether a header Authorization has one of its tokens, where it has any. */
  mayPush(authorization: string | undefined): Promise<boolean>
}

/** Too many wrong tokens came from there. */
class Throttled extends Error {}

/** Receives pushed Security Event Tokens (RFC 8935) at `/ssf/v1/NAME`, where NAME is the source. */
export async function addSsf(app: FastifyInstance, deps: FeedHttpDeps): Promise<void> {
  const throttle = openThrottle()
  const receiverOf = openReceivers(deps)

  const receive = async (request: FastifyRequest): Promise<void> => {
    const { source } = z.object({ source: z.string().max(128) }).parse(request.params)
    const pushed = deps.feeds('ssf').find(({ feed }) => feed.name === source)
    const receiver = pushed === undefined ? undefined : receiverOf(pushed)
    if (pushed === undefined || receiver === undefined || receiver.options.delivery !== 'push')
      throw new SetFault('invalid_request', 'nothing is received here')
    const token = z.string().min(1).safeParse(request.body).data
    if (token === undefined) throw new SetFault('invalid_request', 'the body must be a token, as application/secevent+jwt')
    if (!(await receiver.mayPush(request.headers.authorization)))
      throw new SetFault('authentication_failed', 'the header Authorization is not that of this stream')
    const { feed } = pushed
    const set = await receiver.verify(token.trim(), deps.now()).catch(async (error: unknown) => {
      if (isMisconfigured(error)) await failedFeed(deps.db, feed.id, `a token was not taken: ${error.message}`, deps.now())
      throw error
    })
    const taken = await takeSet(feed, set, receiver.options, deps.intake(feed))
    deps.logger.debug({ feed: feed.name, ...taken }, 'a security event token was taken')
  }

  await app.register(
    async (ssf) => {
      ssf.removeAllContentTypeParsers()
      ssf.addContentTypeParser('application/secevent+jwt', { parseAs: 'string', bodyLimit: BODY_LIMIT }, (_request, body, done) =>
        done(null, body),
      )
      ssf.setErrorHandler((error, request, reply) => sendFault(reply, error, request, deps))
      ssf.post('/:source', { bodyLimit: BODY_LIMIT }, async (request, reply) => {
        await receive(request).catch((error: unknown) => {
          const refused = error instanceof SetFault
          if (!refused && !isTransient(error)) throw error
          // After the token was looked at: whoever sends good ones is not shut out by somebody behind the same address.
          if (throttle.waitMs(request.ip) > 0) throw new Throttled('too many tokens that were not taken')
          throttle.failed(request.ip)
          const why = { ...(refused ? { err: error.err } : {}), because: error.message, address: request.ip }
          deps.logger.warn(why, `a security event token was ${refused ? 'refused' : 'not taken: it may come again'}`)
          throw error
        })
        return reply.code(202).send()
      })
    },
    { prefix: '/ssf/v1' },
  )
}

/** What a source of the configuration in force receives with: its keys are kept until the configuration changes. */
function openReceivers(deps: FeedHttpDeps): (pushed: PushedFeed) => Receiver | undefined {
  const opened = new WeakMap<Record<string, unknown>, Receiver>()
  return (pushed) => {
    const { options: written } = pushed
    const known = opened.get(written)
    if (known !== undefined) return known
    const options = ssfOptions.safeParse(written).data
    if (options === undefined) return undefined
    // Its own tokens alone: two sources may well have one.
    const find = openBearers(deps, () => [{ pushed, options, tokens: options.pushTokens }])
    const receiver: Receiver = {
      options,
      verify: openVerify(options, openTransmitter(options)),
      mayPush: async (authorization) => options.pushTokens.length === 0 || (await find(authorization)) !== undefined,
    }
    opened.set(written, receiver)
    return receiver
  }
}

/** RFC 8935 §2.3: 400 with a code is for good; anything else may be sent again. */
function sendFault(reply: FastifyReply, error: unknown, request: FastifyRequest, { logger }: FeedHttpDeps) {
  const { status, err, description } = answerOf(error)
  if (status === 500) logger.error({ err: error, path: request.routeOptions.url }, 'a security event token could not be taken')
  if (status === 429 || status === 503) reply.header('retry-after', '60')
  return reply.code(status).type('application/json').header('content-language', 'en').send(JSON.stringify({ err, description }))
}

function answerOf(error: unknown): { status: number; err: string; description: string } {
  if (error instanceof SetFault) return { status: 400, err: error.err, description: error.message }
  if (error instanceof Throttled) return { status: 429, err: 'access_denied', description: error.message }
  const status = z.object({ statusCode: z.number().int().min(400).max(499) }).safeParse(error).data?.statusCode
  if (status !== undefined)
    return {
      status: status === 413 ? 413 : 400,
      err: 'invalid_request',
      description: 'the body must be a token, as application/secevent+jwt',
    }
  const transient = isTransient(error)
  return {
    status: transient ? 503 : 500,
    err: 'server_error',
    description: transient ? 'the keys of the transmitter cannot be read just now' : 'the server failed: its log says why',
  }
}

/** Its keys, and not the token, are at fault. */
function isTransient(error: unknown): error is RevenantError {
  return error instanceof RevenantError && (error.code === 'SOURCE_UNREACHABLE' || error.code === 'SOURCE_REFUSED')
}

/** The transmitter signed it, or says what it is, and it is not what the configuration expects: whoever looks at the source is to see that. */
function isMisconfigured(error: unknown): error is Error {
  if (error instanceof SetFault) return error.err === 'invalid_audience' || error.err === 'invalid_issuer'
  return error instanceof RevenantError && error.code === 'SOURCE_REFUSED'
}
