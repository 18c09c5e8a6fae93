/** What the page hands to the worker. The file is not copied, and goes nowhere else. */
export interface VerifyRequest {
  file: Blob
  /** Keys that the user was told; none: the bundle's own are taken. */
  vkeys: string[]
  /** A signed checkpoint that the user holds. */
  oldCheckpoint: string | undefined
}

/** What the worker says: how far it is, and in the end what it found or why it could not look. */
export type VerifyMessage =
  | { kind: 'progress'; doneBytes: number; totalBytes: number }
  | { kind: 'told'; told: Told }
  | { kind: 'failed'; why: string }

/** What verifying found. Falsehoods are spelled as by the command. */
export interface Told {
  holds: boolean
  keysGiven: boolean
  /** Keys that signed the list of files. */
  signedBy: readonly string[]
  /** True for a bundle that was chosen from its period. */
  isChosen: boolean
  /** Undefined where the list of files could not be read. */
  bundle: { origin: string; size: number; from: string; to: string; madeAt: string; files: number } | undefined
  checks: readonly ToldCheck[]
  firstFalse: string | undefined
}

export interface ToldCheck {
  name: string
  /** `open`: neither can be told. */
  state: 'holds' | 'false' | 'open'
  detail: string
  /** How much is false, and the first of it. */
  count: number
  problems: readonly string[]
}
