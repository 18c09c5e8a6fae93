import { randomUUID } from 'node:crypto'
import type { Dispatcher } from 'undici'
import type { z } from 'zod'
import type { Judgement, Wire } from '../domain/answer.ts'
import type { Decoy } from '../domain/control.ts'
import { RevenantError } from '../domain/error.ts'
import { isNameField } from '../domain/reference.ts'
import type { Transport } from '../domain/system.ts'
import { withoutQuotes } from './quotes.ts'

/**
 * What a replay can change at the system. Read-only probes declare none. `prolongs-life` keeps a credential from expiring of
 * disuse and is marked in the evidence; every other effect must be allowed by the system's `allowEffects`.
 */
export const EFFECTS = ['prolongs-life', 'rotates-token', 'consumes-use', 'mints-session', 'writes'] as const
export type Effect = (typeof EFFECTS)[number]

/** What an attempt is given beside its target and secret. */
export interface AttemptContext {
  /** Aborts when the attempt's time is up: the probe closes its socket and lets the abort reason through. */
  signal: AbortSignal
  /** Reaches the registered origins of the target and nothing else. Follows no redirect, retries nothing. */
  http: Dispatcher
  /** Who we say we are: a User-Agent, an application_name, an SSH client banner. ASCII, at most 64 characters. */
  attribution: string
  /** The peer identity pinned on first use (an SSH host key fingerprint), if one is. */
  pinnedPeer?: string
  /** Reads what a target gives by reference (`env:NAME`), just in time. Throws `SECRET_UNAVAILABLE`, `SECRET_EMPTY`. */
  reference?(text: string): Promise<string>
  /**
   * To be called when a message that may spend the secret goes out, and not before: from then on the attempt is waited for, and
   * one that ends without an answer has lost the secret.
   */
  sent?(): void
}

/** What a probe says of one attempt. */
export interface Answer<Secret = unknown> extends Judgement {
  /** The successor of a secret that the replay spent. Nothing else may be done with it than sealing it. */
  rotated?: Secret
  /**
   * The secret may be spent although no successor came: a server error in the middle, an answer that is cut off. `earlier`: it was
   * refused, as one is that somebody else has spent.
   */
  spent?: boolean | 'earlier'
  /** What `Risk.spends` believes is not so. */
  disproved?: boolean
}

/** What an attempt may spend: a refresh token that is exchanged for its successor. It is then sent once, by whichever system has it. */
export interface Risk {
  /** What of the secret could be spent, and nothing else of it. */
  token: Readonly<Record<string, string>>
  /** Where it is sent, and as whom: what is refused in one way may be good in another. */
  way: Readonly<Record<string, string>>
  /** True: every attempt spends it. False: none does, as the target says; what others may have spent is not sent all the same. */
  spends: boolean | Belief
}

/** What the target says of its server: as long as it is so, an attempt spends nothing. */
export interface Belief {
  /** What is believed; kept in clear with the system once an answer has disproved it. */
  name: string
  /** What is said of a credential that is not sent, since it is not so. */
  otherwise: Wire
}

/**
 * How one kind of system is asked. One attempt is one authentication message: no retries, pools, reconnects, fallbacks or
 * redirects. A probe never times itself, retries, logs or sleeps: the trial does. A thrown error means that we could not
 * judge; the trial records it as inconclusive (see `judgeFailure`).
 */
export interface Probe<Target, Secret> {
  /** `postgres`; equals the file name. */
  readonly kind: string
  /** One line for lists and documentation. */
  readonly summary: string
  /** Strict: unknown keys are errors. */
  readonly target: z.ZodType<Target>
  /** Strict; no empty secret passes it. */
  readonly secret: z.ZodType<Secret>
  /** What a replay can change, the most there is for this kind. */
  readonly effects: readonly Effect[]
  /** What a replay can change at this target, where that is less than `effects`: a GET that the operator configured. */
  effectsAt?(target: Target): readonly Effect[]
  /** `postgres://db.internal:5432`: what a secret is bound to. */
  origin(target: Target): string
  /** Further origins that an attempt must reach (a registry's token server), part of what a secret is bound to. */
  alsoReaches?(target: Target): readonly string[]
  /** How the path to the system is protected; anything but `verified` marks the evidence. */
  transport(target: Target): Transport
  /** How `ctx.http` must verify this target; left out by probes that do not speak HTTP. `ca`: PEM certificates. */
  http?(target: Target): HttpTrust
  /**
   * The account that a wrong try counts against, or undefined where no wrong try can lock anyone (most bearer tokens).
   * Given in the form the lockout budget should be kept by: lower case where the system folds case.
   */
  account(secret: Secret): string | undefined
  /** Who the credential should turn out to be, where its secret says so; compared with the answer's principal. */
  expects?(secret: Secret): string | undefined
  /**
   * Which kind of secret this is, where several share a field and are refused for reasons of their own (a user's token and an
   * account's): a canary vouches for its own kind only. Undefined where the kind cannot be told: no canary vouches for that one.
   */
  form?(secret: Secret, target: Target): string | undefined
  /** What of the secret an attempt may spend. Undefined: a replay leaves the secret as it is, whatever the system does. */
  risk?(secret: Secret, target: Target): Risk | undefined
  /**
   * A made-up secret of the same shape, new at each call; undefined where the protocol has no such thing, or the target
   * says that it must not be tried.
   */
  decoy(secret: Secret, of: Decoy, target?: Target): Secret | undefined
  /**
   * One authentication message. For the decoy `nobody` the secret is what `decoy` returned for it.
   * Throws (or rejects) when it could not judge; aborts with `ctx.signal.reason` when told to stop.
   */
  attempt(target: Target, secret: Secret, ctx: AttemptContext): Promise<Answer<Secret>>
}

/** `rejectUnauthorized: false` only where the target spells `tls: insecure`. */
export interface HttpTrust {
  rejectUnauthorized: boolean
  ca?: string
}

/** A probe whose types are hidden behind parsing, as the registry hands it out. */
export interface AnyProbe {
  readonly kind: string
  readonly summary: string
  readonly effects: readonly Effect[]
  readonly targetSchema: z.ZodType
  readonly secretSchema: z.ZodType
  /** Parses a target. Throws a ZodError. */
  bind(target: unknown): BoundProbe
}

/** A probe with its target captured: what a trial works with. */
export interface BoundProbe {
  readonly kind: string
  readonly effects: readonly Effect[]
  /** All origins, space-separated, the first one the main one: what a secret is sealed for. */
  readonly origin: string
  readonly origins: readonly string[]
  readonly transport: Transport
  readonly http: HttpTrust
  /** Parses a secret. Throws a RevenantError `SECRET_INVALID` that names the field and never the value. */
  secret(value: unknown): BoundSecret
}

/** A parsed secret, closed over: it cannot be printed, only tried. */
export interface BoundSecret {
  readonly account: string | undefined
  readonly expects: string | undefined
  /**
   * Which of the forms that the probe knows this secret has (`password`, `privateKey`, `token:user`): a control vouches for its own
   * form only. Where the probe cannot tell, it is like no other, not even its own at another time.
   */
  readonly form: string
  /** What of it every attempt spends: it must be sent once only. */
  readonly spends: Readonly<Record<string, string>> | undefined
  /** What of it an attempt may spend. */
  readonly risk?: Risk | undefined
  decoy(of: Decoy): BoundSecret | undefined
  attempt(ctx: AttemptContext): Promise<Answer>
}

/** Hides a probe's types: everything that comes in is parsed. */
export function anyProbe<Target, Secret>(probe: Probe<Target, Secret>): AnyProbe {
  return {
    kind: probe.kind,
    summary: probe.summary,
    effects: probe.effects,
    targetSchema: probe.target,
    secretSchema: probe.secret,
    bind: (value) => bindProbe(probe, probe.target.parse(value)),
  }
}

function bindProbe<Target, Secret>(probe: Probe<Target, Secret>, target: Target): BoundProbe {
  const origins = [probe.origin(target), ...(probe.alsoReaches?.(target) ?? [])]
  return {
    kind: probe.kind,
    effects: probe.effectsAt?.(target) ?? probe.effects,
    origin: origins.join(' '),
    origins,
    transport: probe.transport(target),
    http: probe.http?.(target) ?? { rejectUnauthorized: true },
    secret: (value) => bindSecret(probe, target, parseSecret(probe.secret, value)),
  }
}

function bindSecret<Target, Secret>(probe: Probe<Target, Secret>, target: Target, secret: Secret): BoundSecret {
  const risk = probe.risk?.(secret, target)
  return {
    account: probe.account(secret),
    expects: probe.expects?.(secret),
    form: [formOf(secret), ...kindOf(probe, target, secret)].join(':'),
    spends: risk?.spends === true ? risk.token : undefined,
    risk,
    decoy: (of) => {
      const decoy = probe.decoy(secret, of, target)
      return decoy === undefined ? undefined : bindSecret(probe, target, decoy)
    },
    attempt: async (ctx) => {
      const answer = await probe.attempt(target, secret, ctx)
      return withoutQuotes(answer.rotated === undefined ? answer : withoutQuotes(answer, answer.rotated), secret)
    },
  }
}

function kindOf<Target, Secret>(probe: Probe<Target, Secret>, target: Target, secret: Secret): string[] {
  return probe.form === undefined ? [] : [probe.form(secret, target) ?? randomUUID()]
}

/** The fields that are secret and reach the system; a passphrase only opens a key. */
function formOf(secret: unknown): string {
  if (typeof secret !== 'object' || secret === null) return ''
  const given = Object.entries(secret).flatMap(([field, value]) => (value === undefined ? [] : [field]))
  return given
    .filter((field) => field !== 'passphrase' && !isNameField(field))
    .toSorted()
    .join('+')
}

function parseSecret<Secret>(schema: z.ZodType<Secret>, value: unknown): Secret {
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  const faults = new Set(parsed.error.issues.map((issue) => secretFault(issue, value)))
  throw new RevenantError('SECRET_INVALID', `the secret does not fit this probe: ${[...faults].join(', ')}`)
}

/** Names a field and nothing else: a message of zod may quote the value, and a slip can make a key of it. */
function secretFault({ code, path }: z.core.$ZodIssue, value: unknown): string {
  if (code === 'unrecognized_keys') return 'it has a field that this probe does not know'
  const [field] = path
  if (field === undefined) return 'check its fields'
  const isMissing = typeof value === 'object' && value !== null && Reflect.get(value, field) === undefined
  return isMissing ? `${String(field)} is missing` : `check ${path.join('.')}`
}
