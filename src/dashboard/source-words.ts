import type { IdentitySources } from '../api/schemas/ownership.ts'
import type { Import, Source, Statement } from '../api/schemas/source.ts'
import type { Look } from './words.ts'
import { humane } from './words.ts'

interface Seen {
  label: string
  look: Look
  icon: 'check' | 'question' | 'findings' | 'dash' | 'person' | 'mute' | 'door'
}

/** How a source stands: the word and the icon say it, the colour repeats it. */
export const SOURCE_STATES: Record<Source['state'], Seen> = {
  heard: { label: 'Heard', look: 'closed', icon: 'check' },
  waiting: { label: 'Not heard yet', look: 'doubt', icon: 'question' },
  failing: { label: 'Failing', look: 'doubt', icon: 'question' },
  silent: { label: 'Silent', look: 'open', icon: 'findings' },
  removed: { label: 'Not configured', look: 'none', icon: 'dash' },
}

/** What to do about a source that does not stand as it should; undefined: nothing. */
export function sourceAdvice({ state, pulled }: Pick<Source, 'state' | 'pulled'>): string | undefined {
  switch (state) {
    case 'failing':
      return pulled
        ? 'Mend what it complains of, then pull it. Until then nobody hears who leaves.'
        : 'Mend what it complains of, and look after whom it concerns: a departure may be among what was not taken.'
    case 'silent':
      return pulled
        ? 'It gave no sign of life in its time. Pull it, and look whether it answers: leavers may be missed.'
        : 'It gave no sign of life in its time. Look on its side whether it still sends, and whether its token still holds: leavers may be missed.'
    case 'waiting':
      return pulled ? 'It is asked by the clock; pull it to be sure of it now.' : 'Set it up on its side: it tells by itself.'
    case 'removed':
      return 'What it said stays on record, and does not count any more.'
    default:
      return undefined
  }
}

const FEED_KINDS: Readonly<Record<string, string>> = {
  scim: 'SCIM',
  files: 'Folder of files',
  ssf: 'Shared Signals',
  ldap: 'Directory',
  webhook: 'HR webhooks',
  hris: 'HR system',
}

/** What a kind of source is called; one that is newer than this list, by its own name. */
export function feedLabel(kind: string): string {
  return FEED_KINDS[kind] ?? humane(kind)
}

export const INACTIVE_MEANS: Record<NonNullable<Source['onInactive']>, string> = {
  ask: 'a person decides',
  terminate: 'has left',
  suspend: 'is suspended',
}

export const SAYS_LABELS: Record<Statement['says'], string> = {
  joined: 'Is new',
  reinstated: 'Is back',
  suspended: 'Is suspended',
  terminated: 'Has left',
}

export const STATEMENT_STATES: Record<Statement['state'], Seen> = {
  held: { label: 'Waits for a decision', look: 'plain', icon: 'person' },
  applied: { label: 'Taken', look: 'plain', icon: 'check' },
  dismissed: { label: 'Dismissed', look: 'none', icon: 'mute' },
  superseded: { label: 'Said otherwise since', look: 'none', icon: 'dash' },
}

export const REASON_LABELS: Record<NonNullable<Statement['reason']>, string> = {
  ask: 'Left, or only inactive?',
  mass_event: 'Many at once',
  identifier_reuse: 'Known name, new id',
  named_elsewhere: 'Missing, but named',
}

/** What one source says of one identity. */
export type Word = IdentitySources['sources'][number]

export const WORD_LABELS: Record<Word['standing'], Seen> = {
  active: { label: 'Is here', look: 'none', icon: 'dash' },
  suspended: { label: 'Suspended', look: 'plain', icon: 'mute' },
  terminated: { label: 'Left', look: 'plain', icon: 'door' },
}

export const IMPORT_LABELS: Record<Import['what'], string> = {
  identities: 'Identities',
  credentials: 'Credentials',
  report: "Scanner's report",
  workstation: 'Workstation',
}
