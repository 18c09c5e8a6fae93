import { X509Certificate } from 'node:crypto'
import type { Writable } from 'node:stream'
import { createSecureContext } from 'node:tls'
import { z } from 'zod'
import { errorCode, RevenantError } from '../../domain/error.ts'
import { FINDING_KINDS, SEVERITIES } from '../../domain/finding.ts'
import { parseReference, REFERENCE_FORMS } from '../../domain/reference.ts'
import type { Envelope } from '../envelope.ts'
import { FORMAT_NAMES, type FormatContext, type FormatName, type Rendered } from '../formats/format.ts'
import type { Signer } from '../formats/signer.ts'

/** A way out for alerts: one receiver, opened once, used until closed. */
export interface Sink {
  readonly name: string
  readonly kind: string
  /** The largest body that this receiver takes whole, in bytes; the caller hands it to the format as `maxBytes`. */
  readonly maxBodyBytes: number
  /** What signs for this receiver, where its format is signed. */
  readonly signer?: Signer
  /**
   * Delivers one message, once: retries are the caller's. Resolves when the receiver has it, as far as the protocol can say
   * (docs/alerts.md). Throws a SinkError, and only that; an aborted delivery may have arrived all the same.
   */
  deliver(message: Message, signal: AbortSignal): Promise<Receipt>
  /** Ends connections; what is being delivered fails with `retry: true`. */
  close(): Promise<void>
}

/** What a format is given for this sink. */
export function contextFor({ maxBodyBytes, signer }: Sink, context: FormatContext): FormatContext {
  return { ...context, maxBytes: maxBodyBytes, ...(signer === undefined ? {} : { signer }) }
}

export interface Message {
  envelope: Envelope
  rendered: Rendered
}

/** What came back, for the log of deliveries. No secrets, no text of the receiver. */
export interface Receipt {
  detail: Record<string, string | number>
}

/** What a sink is opened with. Strings are what the references of its entry resolve to. */
export interface SinkDeps {
  context: FormatContext
  now(): Temporal.Instant
  /** A URL, where the entry's `to` is a reference. */
  to?: string | undefined
  secret?: string | undefined
  /** PEM. */
  ca?: string | undefined
  clientCert?: string | undefined
  clientKey?: string | undefined
  /** PEM. */
  signingKey?: string | undefined
  /** Where the sink `stdout` writes; left out: the process's own. */
  stdout?: Writable | undefined
}

/** The fields of an entry that may hold references, to be resolved into SinkDeps of the same names; `to` only where it is one. */
export const SINK_REFERENCES = ['to', 'secret', 'ca', 'clientCert', 'clientKey', 'signingKey'] as const

const reference = z
  .string({ error: ({ input }) => (input === undefined ? `is missing: give a reference (${REFERENCE_FORMS})` : undefined) })
  .refine((value) => parseReference(value) !== undefined, `give a reference (${REFERENCE_FORMS}), not the value itself`)
/** A delivery's job lives for two minutes; what would take longer would be started twice. */
const LONGEST_MS = 100_000
const duration = z
  .string()
  .regex(/^[1-9]\d{0,5}(ms|s|m)$/, { error: 'give a duration such as 500ms, 20s or 1m', abort: true })
  .refine((value) => durationMs(value) <= LONGEST_MS, 'give at most 100s')

/** What the entries of all sinks share. */
export const commonFields = {
  name: z.string().min(1).max(64),
  // `caep` is signed: only a sink with a key takes it.
  format: z.enum(FORMAT_NAMES).exclude(['caep']).default('json'),
  minSeverity: z.enum(SEVERITIES).default('low'),
  kinds: z.array(z.enum(FINDING_KINDS)).min(1).optional(),
  /** Bounds one delivery, from the first byte to the receiver's answer. */
  timeout: duration.optional(),
}

/**
 * `format` of a sink whose receiver takes some formats only: stands in its entry after `...commonFields`.
 *
 * @param names those that fit, the default first
 */
export function formatField<const Names extends readonly [FormatName, ...FormatName[]]>(names: Names) {
  const error = `does not fit this sink, which takes ${names.join(', ')}`
  return z
    .string()
    .refine((value) => names.some((name) => name === value), { error })
    .pipe(z.enum(names))
    .default(names[0])
    .describe(`One of ${names.join(', ')}.`)
}

/** What the entries of sinks that can speak TLS share. */
export const tlsFields = {
  ca: reference.optional(),
  /** `insecure`: the receiver's certificate is not checked. */
  tls: z.enum(['verify', 'insecure']).default('verify'),
  clientCert: reference.optional(),
  clientKey: reference.optional(),
}

export const secretField = { secret: reference.optional() }

/** `secret` of a sink that cannot do without: stands in its entry after `...commonFields`. */
export function requiredSecret(description: string) {
  return reference.describe(description)
}

const UNIT_MS = { ms: 1, s: 1_000, m: 60_000 } as const

/** Milliseconds of a duration that its schema has passed. */
export function durationMs(value: string): number {
  const unit = value.endsWith('ms') ? 'ms' : value.endsWith('s') ? 's' : 'm'
  return Number.parseInt(value, 10) * UNIT_MS[unit]
}

/** A receiver did not take an alert. Message and detail hold codes only, since a URL or a foreign message may quote a secret. */
export class SinkError extends RevenantError {
  /** False: trying again cannot help. */
  readonly retry: boolean
  /** How long the receiver asked to be left alone. */
  readonly retryAfterMs: number | undefined
  /** True: the receiver wants nothing more, ever (410); the sink is to be disabled until somebody looks. */
  readonly disables: boolean
  readonly detail: Readonly<Record<string, string | number>>
  /** What an operator can do about it, where the sink knows better than its codes tell (see `advise.ts`). */
  readonly advice: string | undefined

  constructor(code: 'SINK_REFUSED' | 'SINK_UNREACHABLE', message: string, options: SinkFailure) {
    super(code, message)
    this.name = 'SinkError'
    this.retry = options.retry
    this.retryAfterMs = options.retryAfterMs
    this.disables = options.disables ?? false
    this.detail = options.detail
    this.advice = options.advice
  }
}

interface SinkFailure {
  retry: boolean
  retryAfterMs?: number | undefined
  disables?: boolean | undefined
  detail: Record<string, string | number>
  advice?: string | undefined
}

/**
 * The SinkError of a receiver that could not be reached or did not answer in time. Of what was thrown only the code goes on:
 * ECONNREFUSED, CERT_HAS_EXPIRED, TIMEOUT (the entry's), ABORTED (the caller's).
 */
export function unreachable(sink: string, stage: string, thrown: unknown): SinkError {
  const code = failureCode(thrown)
  return new SinkError('SINK_UNREACHABLE', `sink ${sink}: ${code} (${stage})`, { retry: true, detail: { stage, error: code } })
}

function failureCode(thrown: unknown): string {
  // DOMExceptions carry a number as their code, which tells nobody anything.
  const name = thrown instanceof Error ? thrown.name : ''
  if (name === 'TimeoutError') return 'TIMEOUT'
  if (name === 'AbortError') return 'ABORTED'
  return errorCode(thrown) ?? 'FAILED'
}

/** The caller's signal, bounded by the entry's own timeout. */
export function within(signal: AbortSignal, timeoutMs: number): AbortSignal {
  return AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)])
}

/**
 * Resolved TLS material. Throws SECRET_UNAVAILABLE where the entry names a reference that nobody resolved, CONFIG_INVALID where
 * OpenSSL does not take what it resolved to.
 */
export function tlsMaterial(
  entry: {
    name: string
    tls: 'verify' | 'insecure'
    ca?: string | undefined
    clientCert?: string | undefined
    clientKey?: string | undefined
  },
  deps: SinkDeps,
) {
  const { ca, clientCert: cert, clientKey: key } = resolved(entry, deps, ['ca', 'clientCert', 'clientKey'])
  const pem = {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  }
  try {
    // OpenSSL passes over a CA file without certificates, and then trusts nobody: say so now.
    if (ca !== undefined) new X509Certificate(ca)
    createSecureContext(pem)
  } catch (thrown) {
    throw new RevenantError(
      'CONFIG_INVALID',
      `sink ${entry.name}: ca, clientCert or clientKey is unusable (${failureCode(thrown)})`,
    )
  }
  return { rejectUnauthorized: entry.tls === 'verify', minVersion: 'TLSv1.2' as const, ...pem }
}

/**
 * What the `secret` of an entry resolves to, without white space around it. Throws SECRET_UNAVAILABLE, and SECRET_INVALID where it
 * is not of the form that the receiver hands out.
 *
 * @param form left out: one line of visible ASCII, fit for a header
 */
export function resolvedSecret(
  entry: { name: string; secret: string },
  deps: SinkDeps,
  form: { pattern: RegExp; words: string } = { pattern: /^[\x21-\x7e][\x20-\x7e]*$/, words: 'one line of visible ASCII' },
): string {
  const secret = resolved(entry, deps, ['secret']).secret?.trim() ?? ''
  if (!form.pattern.test(secret))
    throw new RevenantError('SECRET_INVALID', `sink ${entry.name}: secret (${entry.secret}) must hold ${form.words}`)
  return secret
}

/** The resolved values of some references of an entry; undefined where the entry names none. */
export function resolved<Field extends (typeof SINK_REFERENCES)[number]>(
  entry: { name: string } & Partial<Record<Field, string | undefined>>,
  deps: SinkDeps,
  fields: readonly Field[],
): Partial<Record<Field, string>> {
  const values: Partial<Record<Field, string>> = {}
  for (const field of fields) {
    if (entry[field] === undefined) continue
    const value = deps[field]
    if (value === undefined || value === '') {
      throw new RevenantError('SECRET_UNAVAILABLE', `sink ${entry.name}: ${field} (${entry[field]}) resolves to nothing`)
    }
    values[field] = value
  }
  return values
}
