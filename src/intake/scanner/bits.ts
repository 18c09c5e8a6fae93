/** What a scanner gives of a secret. */
export interface Bits {
  /** The secret, or its first part. */
  raw: string
  /** Everything that belongs together, as older TruffleHogs write it; empty where there is no more than `raw`. */
  whole: string
  /** The parts by the scanner's own names. */
  parts: Readonly<Record<string, string>>
  /** What else the scanner noted, the host or the address of the service among it; nothing of it is secret. */
  noted?: Readonly<Record<string, string>>
  /** The scanner has undone what an address spells with percent signs. */
  decoded: boolean
}

/** What `whole` has behind `raw`: TruffleHog writes a secret and its host or its owner one after the other. */
export function restOf({ raw, whole }: Bits): string | undefined {
  const rest = raw !== '' && whole.startsWith(raw) ? whole.slice(raw.length).replace(/^:/, '') : ''
  return rest === '' ? undefined : rest
}
