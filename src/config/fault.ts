import { RevenantError } from '../domain/error.ts'

/** A place in the file: keys and indexes from the root. */
export type Path = readonly (string | number)[]

/** One thing that is wrong with the file. */
export interface Fault {
  /** `systems[1].limits.rate`; empty: the file as a whole. */
  path: string
  line: number
  column: number
  /** What is wrong and what to do; never a value of the file. */
  message: string
}

/** So many faults are in the message; all of them are in `faults`. */
const SHOWN = 20

/** `CONFIG_INVALID` with every fault of the file, in the order of its lines. */
export class ConfigError extends RevenantError {
  readonly faults: readonly Fault[]

  constructor(fileName: string, faults: readonly Fault[]) {
    const lines = faults
      .slice(0, SHOWN)
      .map((fault) => `  ${fileName}:${fault.line}:${fault.column} ${fault.path === '' ? '' : `${fault.path}: `}${fault.message}`)
    if (faults.length > SHOWN) lines.push(`  and ${faults.length - SHOWN} more`)
    super(
      'CONFIG_INVALID',
      `${fileName} has ${faults.length === 1 ? 'a fault' : `${faults.length} faults`}:\n${lines.join('\n')}`,
    )
    this.name = 'ConfigError'
    this.faults = faults
  }
}

/** By line and column. */
export function inOrder(faults: readonly Fault[]): Fault[] {
  return faults.toSorted((a, b) => a.line - b.line || a.column - b.column)
}

/** `systems[1].limits.rate`. */
export function spellPath(path: Path): string {
  return path
    .map((step, index) => (typeof step === 'number' ? `[${step}]` : `${index === 0 ? '' : '.'}${spellKey(step)}`))
    .join('')
}

/**
 * A key as a message may show it. A slip such as `{password:hunter2}` makes a key of the whole text, so whatever does not look
 * like a key of ours is not quoted: words without digits, or something short.
 */
export function spellKey(key: string): string {
  return /^[A-Za-z](?:[A-Za-z_-]{0,39}|[A-Za-z0-9_-]{0,11})$/.test(key) ? key : '(a key)'
}
