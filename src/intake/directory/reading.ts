import type { Scope } from '../feed/scope.ts'
import type { PullContext } from '../sources/source.ts'
import type { Directory } from './directory.ts'
import type { Domain } from './domain.ts'
import type { DirectoryOptions } from './options.ts'
import type { EntryReader } from './said-of.ts'

/** One reading of a directory, on its way. */
export interface Reading {
  options: DirectoryOptions
  context: PullContext
  reader: EntryReader
  directory: Directory
  /** Active Directory's. */
  domain: Domain | undefined
  now: Temporal.Instant
  /** For whom it is asked. */
  people: Scope
}
