import { readFile } from 'node:fs/promises'
import { z } from 'zod'
import { loadProbe } from '../../probes/registry.ts'
import { explain } from '../config/explain.ts'
import { spellPath } from '../config/fault.ts'
import { DEFAULT_ATTRIBUTION } from '../daemon/attribution.ts'
import { errnoWords } from '../domain/errno.ts'
import { RevenantError, toError } from '../domain/error.ts'
import type { Assurance } from '../domain/verdict.ts'
import { openDispatcher } from '../probe/dispatcher.ts'
import type { BoundProbe, BoundSecret } from '../probe/probe.ts'
import { attempt, type TimedJudgement } from '../scan/attempt.ts'
import type { CommandContext } from './context.ts'
import { EXIT, json, line, pathOf, readAll, style } from './io.ts'

export interface TryOptions {
  target: string
  json: boolean
  controls: boolean
  timeoutMs: number
}

const EXIT_OF = { accepted: EXIT.ok, rejected: EXIT.found, inconclusive: EXIT.unverified } as const

/**
 * `revenant try KIND --target JSON|@file < secret.json`: one replay, with its decoys unless they are turned off. Needs no database
 * and leaves nothing behind. Exit 0 accepted, 3 rejected, 4 inconclusive, 2 unusable input, 1 our fault.
 */
export async function tryOnce(context: CommandContext, kind: string, options: TryOptions): Promise<number> {
  const probe = await boundTo(context, kind, options.target)
  const secret = probe.secret(
    parseJson('the secret on standard input', await readAll(context.io.stdin()), '{"username":"…","password":"…"}'),
  )
  if (secret.spends !== undefined)
    throw new RevenantError(
      'INPUT_INVALID',
      'this replay would spend the token, and nobody would keep its successor: register it as a credential, or give a target that asks without redeeming',
    )
  const dispatcher = openDispatcher({
    origins: probe.origins,
    ...probe.http,
    connections: 1,
    connectTimeoutMs: options.timeoutMs,
  })
  const running = new Set<AbortController>()
  const stop = () => {
    for (const each of running) each.abort()
  }
  context.io.signal.addEventListener('abort', stop, { once: true })
  const ask = (of: BoundSecret) => {
    context.io.signal.throwIfAborted()
    return attempt(of, {
      timeoutMs: options.timeoutMs,
      http: dispatcher,
      attribution: DEFAULT_ATTRIBUTION,
      pinnedPeer: undefined,
      running,
    })
  }
  try {
    const result = options.controls ? await controlled(secret, ask) : { judgement: await ask(secret), assurance: 'none' as const }
    print(context, result.judgement, result.assurance, options.json)
    return EXIT_OF[result.judgement.verdict]
  } finally {
    await dispatcher.destroy()
  }
}

interface Result {
  judgement: TimedJudgement
  assurance: Assurance
}

/** The trial in small: a stranger must be refused first, and an acceptance must not be one that any secret gets. */
async function controlled(secret: BoundSecret, ask: (of: BoundSecret) => Promise<TimedJudgement>): Promise<Result> {
  let refused = false
  let strangerRefused = false
  for (const decoyOf of ['nobody', 'stranger'] as const) {
    const decoy = secret.decoy(decoyOf)
    if (decoy === undefined) continue
    const judgement = await ask(decoy)
    if (judgement.verdict === 'accepted' || judgement.reason === 'endpoint_unauthenticated')
      return disown(judgement, 'endpoint_unauthenticated')
    if (decoyOf === 'stranger' && judgement.verdict !== 'rejected') return { judgement, assurance: 'none' }
    refused ||= judgement.verdict === 'rejected'
    strangerRefused ||= decoyOf === 'stranger' && judgement.verdict === 'rejected'
  }
  const judgement = await ask(secret)
  const assurance: Assurance = refused ? 'explicit' : 'none'
  if (judgement.verdict !== 'accepted') return { judgement, assurance }
  const same = secret.decoy('same-principal')
  // As in a trial: a refused stranger may stand in for it, a refused nobody may not.
  if (same === undefined) return strangerRefused ? { judgement, assurance } : disown(judgement, 'unconfirmed')
  const confirmation = await ask(same)
  if (confirmation.verdict === 'rejected') return { judgement, assurance }
  return disown(judgement, confirmation.verdict === 'accepted' ? 'any_secret_accepted' : 'unconfirmed')
}

function disown(judgement: TimedJudgement, reason: 'endpoint_unauthenticated' | 'any_secret_accepted' | 'unconfirmed'): Result {
  return { judgement: { ...judgement, verdict: 'inconclusive', reason }, assurance: 'none' }
}

async function boundTo(context: CommandContext, kind: string, target: string): Promise<BoundProbe> {
  const text = target.startsWith('@') ? await readTarget(pathOf(context.io, target.slice(1))) : target
  const probe = await loadProbe(kind)
  const value = parseJson('--target', text, '{"host":"db.internal"}')
  try {
    return probe.bind(value)
  } catch (error) {
    if (!(error instanceof z.ZodError)) throw error
    const problems = explain(error.issues, value, z.toJSONSchema(probe.targetSchema, { io: 'input', unrepresentable: 'any' }))
    const faults = problems.map(({ path, message }) => `${path.length === 0 ? '' : `${spellPath(path)}: `}${message}`)
    throw new RevenantError('INPUT_INVALID', `--target does not fit probe ${kind}: ${faults.join('; ')}`)
  }
}

async function readTarget(path: string): Promise<string> {
  return readFile(path, 'utf8').catch((error: unknown) => {
    throw new RevenantError('INPUT_INVALID', `--target @${path} cannot be read (${errnoWords(error) ?? toError(error).name})`)
  })
}

function parseJson(what: string, text: string, example: string): unknown {
  try {
    // PowerShell's pipe begins with a byte order mark.
    return JSON.parse(text.replace(/^\uFEFF/, ''))
  } catch {
    // JSON's own message quotes the text, which may be the secret.
    throw new RevenantError(
      'INPUT_INVALID',
      `${what} is ${text.trim() === '' ? 'empty' : 'no JSON'}: give an object such as ${example}`,
    )
  }
}

function print({ io }: CommandContext, judgement: TimedJudgement, assurance: Assurance, asJson: boolean): void {
  const { verdict, reason, principal, latencyMs, wire, peer, strength } = judgement
  if (asJson) {
    json(io, {
      verdict,
      reason,
      principal: principal ?? null,
      assurance,
      latencyMs: Math.round(latencyMs * 10) / 10,
      wire: peer === undefined ? wire : { ...wire, peer },
    })
    return
  }
  const colour = { accepted: 'red', rejected: 'green', inconclusive: 'yellow' } as const
  line(
    io,
    `${style(io, ['bold', colour[verdict]], verdict)}  ${reason} (${strength})${principal === undefined ? '' : `, signed in as ${principal}`}`,
  )
  line(
    io,
    `assurance ${assurance}, ${Math.round(latencyMs)} ms, ${JSON.stringify(wire)}${peer === undefined ? '' : `, peer ${peer}`}`,
  )
}
