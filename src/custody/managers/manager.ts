import type { ManagedReference } from '../../domain/reference.ts'

/** What a reference says of a place in a secret manager. */
export type ManagedPlace = Pick<ManagedReference, 'scheme' | 'path' | 'version' | 'field'>

/** A secret manager of the configuration. Every method throws a ManagerError, and nothing else on purpose. */
export interface SecretManager {
  /** What is held there: text, which is JSON where the manager holds fields. */
  read(place: ManagedPlace): Promise<string>
  /** Where it has keys of its own. */
  readonly keys?: KeyService
  close(): Promise<void>
}

/** Wraps and unwraps short secrets with a key that never leaves the manager. */
export interface KeyService {
  wrap(key: string, secret: Uint8Array, mount: string | undefined): Promise<string>
  /** @param wrapped what `wrap` answered */
  unwrap(key: string, wrapped: string, mount: string | undefined): Promise<Buffer>
}

/**
 * `unreachable`: it may work later (no connection, time-out, 429, 5xx, sealed). `refused`: it says no. `missing`: it holds no such
 * thing. `unfit`: what it holds, or what we were told of it, cannot be used.
 */
export type ManagerFault = 'unreachable' | 'refused' | 'missing' | 'unfit'

/** What a manager came to instead of a secret: status and code, never content. The message follows the manager's name. */
export class ManagerError extends Error {
  readonly fault: ManagerFault

  constructor(fault: ManagerFault, message: string) {
    super(message)
    this.name = 'ManagerError'
    this.fault = fault
  }
}

/** The longest that a manager may take for one thing, in milliseconds. */
export const TIMEOUT_MS = 5_000
/** The largest answer that is read, in bytes. */
export const MAX_ANSWER_BYTES = 1_048_576
/** The largest secret, in bytes: as `file:` has it. */
export const MAX_SECRET_BYTES = 65_536

/** Base64 in, UTF-8 text out; `unfit` for other bytes. */
export function textOf(bytes: Uint8Array): string {
  if (bytes.byteLength > MAX_SECRET_BYTES) throw new ManagerError('unfit', 'holds more than 64 KiB there')
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw new ManagerError('unfit', 'holds no UTF-8 text there')
  }
}
