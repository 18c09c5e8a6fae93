/** What is made of an event: a word about the standing, a reason to try a leaver's credentials now, or nothing. */
export const USES = ['fact', 'hint', 'ignore'] as const
export type EventUse = (typeof USES)[number]

/** The events of RISC 1.0, CAEP 1.0 and RFC 9967 that are understood, as the configuration calls them. */
export const EVENT_NAMES = [
  ...(['account-disabled', 'account-enabled', 'account-purged', 'account-credential-change-required'] as const),
  ...(['credential-compromise', 'identifier-changed', 'identifier-recycled', 'sessions-revoked'] as const),
  ...(['session-revoked', 'credential-change', 'token-claims-change', 'assurance-level-change'] as const),
  ...(['device-compliance-change', 'risk-level-change', 'session-established', 'session-presented'] as const),
  ...(['tokens-revoked', 'scim-deactivate', 'scim-activate', 'scim-delete'] as const),
  ...(['scim-put-full', 'scim-put-notice', 'scim-patch-full', 'scim-patch-notice'] as const),
  ...(['scim-create-full', 'scim-create-notice', 'scim-feed-add', 'scim-feed-remove', 'scim-async-response'] as const),
] as const
export type EventName = (typeof EVENT_NAMES)[number]

interface EventKind {
  uri: string
  /** Left to the configuration, what becomes of it. */
  use: EventUse
  /** What it says as a fact; `data`: what its data have for `active`. Undefined: it is never one. */
  says?: EventSays | 'data'
}

/** What an event says of somebody. */
export type EventSays = 'inactive' | 'deleted' | 'active'

const RISC = 'https://schemas.openid.net/secevent/risc/event-type/'
const CAEP = 'https://schemas.openid.net/secevent/caep/event-type/'
const OAUTH = 'https://schemas.openid.net/secevent/oauth/event-type/'
const SSF = 'https://schemas.openid.net/secevent/ssf/event-type/'
/** RFC 9967. Its drafts wrote `SCIM`. */
const SCIM_EVENT = 'urn:ietf:params:scim:event:'
const SCIM = `${SCIM_EVENT}prov:`

/** None of them says that somebody has left: a purged account may have been a second one, a disabled one be enabled again. So none is a fact by itself. */
export const EVENTS: Readonly<Record<EventName, EventKind>> = {
  'account-disabled': { uri: `${RISC}account-disabled`, use: 'hint', says: 'inactive' },
  'account-enabled': { uri: `${RISC}account-enabled`, use: 'ignore', says: 'active' },
  'account-purged': { uri: `${RISC}account-purged`, use: 'hint', says: 'deleted' },
  'account-credential-change-required': { uri: `${RISC}account-credential-change-required`, use: 'hint' },
  'credential-compromise': { uri: `${RISC}credential-compromise`, use: 'hint' },
  'identifier-changed': { uri: `${RISC}identifier-changed`, use: 'ignore' },
  'identifier-recycled': { uri: `${RISC}identifier-recycled`, use: 'ignore' },
  'sessions-revoked': { uri: `${RISC}sessions-revoked`, use: 'hint' },
  'session-revoked': { uri: `${CAEP}session-revoked`, use: 'hint' },
  'credential-change': { uri: `${CAEP}credential-change`, use: 'hint' },
  'token-claims-change': { uri: `${CAEP}token-claims-change`, use: 'ignore' },
  'assurance-level-change': { uri: `${CAEP}assurance-level-change`, use: 'ignore' },
  'device-compliance-change': { uri: `${CAEP}device-compliance-change`, use: 'ignore' },
  'risk-level-change': { uri: `${CAEP}risk-level-change`, use: 'ignore' },
  'session-established': { uri: `${CAEP}session-established`, use: 'ignore' },
  'session-presented': { uri: `${CAEP}session-presented`, use: 'ignore' },
  'tokens-revoked': { uri: `${OAUTH}tokens-revoked`, use: 'hint' },
  'scim-deactivate': { uri: `${SCIM}deactivate`, use: 'hint', says: 'inactive' },
  'scim-activate': { uri: `${SCIM}activate`, use: 'ignore', says: 'active' },
  'scim-delete': { uri: `${SCIM}delete`, use: 'hint', says: 'deleted' },
  'scim-put-full': { uri: `${SCIM}put:full`, use: 'hint', says: 'data' },
  'scim-put-notice': { uri: `${SCIM}put:notice`, use: 'hint' },
  'scim-patch-full': { uri: `${SCIM}patch:full`, use: 'hint', says: 'data' },
  'scim-patch-notice': { uri: `${SCIM}patch:notice`, use: 'hint' },
  'scim-create-full': { uri: `${SCIM}create:full`, use: 'ignore', says: 'data' },
  'scim-create-notice': { uri: `${SCIM}create:notice`, use: 'ignore' },
  // Of the feed, and not of the resource: whoever is removed from it is not told of any more, and may well be here.
  'scim-feed-add': { uri: `${SCIM_EVENT}feed:add`, use: 'ignore' },
  'scim-feed-remove': { uri: `${SCIM_EVENT}feed:remove`, use: 'hint' },
  'scim-async-response': { uri: `${SCIM_EVENT}misc:asyncresp`, use: 'ignore' },
}

export type EventPolicy = (name: EventName) => EventUse

/** Of the stream itself. Google's verification is of RISC, from before there was SSF. */
export const VERIFICATION: readonly string[] = [`${SSF}verification`, `${RISC}verification`]
export const STREAM_UPDATED = `${SSF}stream-updated`

const byUri = new Map(EVENT_NAMES.map((name) => [EVENTS[name].uri.toLowerCase(), name]))

/** The name of an event; undefined for one that nobody here knows. */
export function eventName(uri: string): EventName | undefined {
  return byUri.get(uri.toLowerCase())
}

/** What an event is told to be back by, where one of these told that somebody left. */
const BACK: Readonly<Partial<Record<EventName, readonly EventName[]>>> = {
  'account-enabled': ['account-disabled', 'account-purged'],
  'scim-activate': ['scim-deactivate', 'scim-delete', 'scim-put-full', 'scim-patch-full', 'scim-create-full'],
}

/** The whole policy of what the configuration says of some events: who may be told to have left by one is told by its opposite to be back. */
export function eventPolicy(said: Readonly<Partial<Record<EventName, EventUse | undefined>>>): EventPolicy {
  const use = (name: EventName): EventUse => said[name] ?? EVENTS[name].use
  return (name) => said[name] ?? ((BACK[name] ?? []).some((each) => use(each) === 'fact') ? 'fact' : EVENTS[name].use)
}

/** The events that a stream is asked for. */
export function wantedUris(policy: EventPolicy): string[] {
  return EVENT_NAMES.flatMap((name) => (policy(name) === 'ignore' ? [] : [EVENTS[name].uri]))
}
