import type { ColumnType, Generated, JSONColumnType } from 'kysely'
import type { Role } from '../domain/access.ts'
import type { Alert } from '../domain/alert.ts'
import type { Wire } from '../domain/answer.ts'
import type { Control } from '../domain/control.ts'
import type { Privilege, RetiredReason } from '../domain/credential.ts'
import type { FeedKind, FeedStanding, HoldReason, StatementSays, StatementState } from '../domain/feed.ts'
import type { FindingEvent, FindingKind, FindingState, Severity } from '../domain/finding.ts'
import type { GapReason } from '../domain/gap.ts'
import type { GrantFacts, GrantKind, ListingFault, ListingOutcome, TurnOutcome } from '../domain/grant.ts'
import type { IdentityKind } from '../domain/identity.ts'
import type { Fact, Facts } from '../domain/leaf.ts'
import type { LedgerKind } from '../domain/ledger.ts'
import type { Reason } from '../domain/reason.ts'
import type { Tier, Transport } from '../domain/system.ts'
import type { Assurance, Strength, Verdict } from '../domain/verdict.ts'

/** An instant: read as Temporal.Instant, written as an RFC 3339 string. */
type At = ColumnType<Temporal.Instant, string, string>
type DefaultAt = ColumnType<Temporal.Instant, string | undefined, string>
type MaybeAt = ColumnType<Temporal.Instant | null, string | null | undefined, string | null>

/** The tables as Kysely sees them; `migrations/` makes them. Column comments live in `docs/store.md`. */
export interface Tables {
  identity: IdentityTable
  system: SystemTable
  pause: PauseTable
  credential: CredentialTable
  handover: HandoverTable
  data_key: DataKeyTable
  secret: SecretTable
  spent_token: SpentTokenTable
  check_state: CheckStateTable
  trial: TrialTable
  control: ControlTable
  observation: ObservationTable
  finding: FindingTable
  finding_event: FindingEventTable
  exemption: ExemptionTable
  alert: AlertTable
  delivery: DeliveryTable
  sink_beat: SinkBeatTable
  lockout_budget: LockoutBudgetTable
  audit: AuditTable
  look: LookTable
  ledger_outbox: LedgerOutboxTable
  ledger_entry: LedgerEntryTable
  ledger_tile: LedgerTileTable
  ledger_checkpoint: LedgerCheckpointTable
  ledger_key: LedgerKeyTable
  ledger_anchor: LedgerAnchorTable
  gap: GapTable
  heartbeat: HeartbeatTable
  session: SessionTable
  api_token: ApiTokenTable
  sign_in_link: SignInLinkTable
  idempotency: IdempotencyTable
  feed: FeedTable
  feed_subject: FeedSubjectTable
  feed_statement: FeedStatementTable
  feed_event: FeedEventTable
  feed_fault: FeedFaultTable
  scim_resource: ScimResourceTable
  listing: ListingTable
  standing_grant: StandingGrantTable
  listing_turn: ListingTurnTable
}

export interface IdentityTable {
  id: string
  external_id: string
  kind: IdentityKind
  name: string
  email: string | null
  owner_external_id: string | null
  terminated_at: MaybeAt
  /** Some feed says so; its credentials rest, as those of everybody who has not left. */
  suspended_at: MaybeAt
  source: string
  created_at: DefaultAt
  updated_at: DefaultAt
}

export interface SystemTable {
  id: string
  name: string
  probe: string
  /** What the configuration says today; `bound_origin` is what secrets were sealed for. */
  origin: string
  bound_origin: string
  tier: Tier
  zone: string
  owner: string | null
  schedule: string | null
  schedule_due_at: MaybeAt
  retired_at: MaybeAt
  shards: Generated<number>
  /** No trial before: set by Retry-After and by the circuit breaker. */
  hold_until: MaybeAt
  hold_reason: Reason | null
  breaker_failures: Generated<number>
  controls: JSONColumnType<PassedControls> | null
  pinned_peer: string | null
  /** What the target says of its server, and an answer has disproved. */
  disproved: Generated<string[]>
  /** Attempts are given out up to here, by the rate of the system; null: none was yet. */
  rate_full_at: MaybeAt
  created_at: DefaultAt
  updated_at: DefaultAt
}

/** The last controls; those that passed serve every trial of the system until `validUntil`. */
export interface PassedControls {
  trialId: string
  assurance: Assurance
  at: string
  validUntil: string
  controls: { control: Control; verdict: Verdict; reason: Reason; at: string }[]
  /** A digest of the configuration that they speak of. */
  subject: string
  /** Since when they have spoken of it, and no decoy was accepted: what was confirmed before is not. */
  since: string
  /** The form of the canary's secret; absent without a canary. */
  form?: string
}

export interface PauseTable {
  scope: string
  paused_at: At
  paused_by: string
  note: string
}

export interface CredentialTable {
  id: string
  identity_id: string
  system_id: string
  label: string
  kind: string
  principal: string | null
  privilege: Privilege
  shared: Generated<boolean>
  handover_by: MaybeAt
  fingerprint: string
  retired_at: MaybeAt
  /** Null while it is on the list, and where it was retired before reasons were kept. */
  retired_reason: RetiredReason | null
  /** The handover that set `handover_by`; null where an import did, or nothing. */
  handover_id: string | null
  /** Holders of one secret have it in common; null: it is nobody else's. */
  share_id: string | null
  /** Another value was registered for the others who hold it: this one is watched until it is refused. */
  rotated_at: MaybeAt
  created_at: DefaultAt
  updated_at: DefaultAt
}

export interface HandoverTable {
  id: string
  leaver_id: string
  receiver_id: string
  /** When the old credentials must be refused. */
  by_at: At
  note: string | null
  created_at: At
  created_by: string
  cancelled_at: MaybeAt
  cancelled_by: string | null
}

export interface DataKeyTable {
  id: string
  wrapped: Uint8Array
  ring_key_id: string
  created_at: DefaultAt
  retired_at: MaybeAt
}

export interface SecretTable {
  credential_id: string
  system_id: string
  origin: string
  sealed: Uint8Array | null
  data_key_id: string | null
  reference: string | null
  /** HMAC of the reference and of what it was imported for. */
  reference_mac: Uint8Array | null
  /** Keyed fingerprint of what the reference held when it was first opened. */
  pinned: string | null
  /** When the secret ends by its own date; null where it tells none, and of a reference until it is first opened. */
  expires_at: MaybeAt
  /** Of a cloud key, which tells no date: since when it is known here. */
  cloud_key_since: MaybeAt
  updated_at: DefaultAt
}

export interface SpentTokenTable {
  /** The system that it was last sent to. */
  system_id: string
  /** Keyed fingerprint of the token alone. */
  fingerprint: string
  /** The credential that it was last sent for; null: it was sent as the canary of the system. */
  credential_id: string | null
  /** Null: it was refused, and none is on its way. */
  sent_at: MaybeAt
  /** When its successor came; null: no answer was kept. */
  rotated_at: MaybeAt
  /** Keyed fingerprints of the ways (issuer and client) in which it was refused, though it may have been good before. */
  refused: Generated<string[]>
}

export interface CheckStateTable {
  credential_id: string
  system_id: string
  /** 0..1023, from the credential's id: the shard is `slot % shards`. */
  slot: number
  /** Null while nothing is to be replayed: the identity is active or the credential retired. */
  due_at: MaybeAt
  /** When the lack of a judgement becomes a finding; null once it is one. */
  verify_by: MaybeAt
  terminated_at: MaybeAt
  verdict: Verdict | null
  reason: Reason | null
  strength: Strength | null
  assurance: Assurance | null
  observed_at: MaybeAt
  /** The last accepted or proven-rejected answer. */
  judged_at: MaybeAt
  accepted_at: MaybeAt
  /** The last confirmation of an acceptance by a same-principal decoy. */
  confirmed_at: MaybeAt
  /** Proven rejections in a row. */
  rejections: Generated<number>
  /** First proven rejection since the last acceptance: the end of the revocation latency. */
  first_rejected_at: MaybeAt
  /** When enough proven rejections had come in a row; null after an acceptance. */
  dead_at: MaybeAt
  attempts: Generated<number>
  /** Inconclusive answers in a row. */
  failures: Generated<number>
}

export interface TrialTable {
  id: string
  system_id: string
  shard: number
  zone: string
  instance: string
  trace_id: string
  started_at: At
  finished_at: MaybeAt
  outcome: string | null
  assurance: Assurance | null
  accepted: Generated<number>
  rejected: Generated<number>
  inconclusive: Generated<number>
}

export interface ControlTable {
  id: string
  trial_id: string
  system_id: string
  credential_id: string | null
  control: Control
  observed_at: At
  verdict: Verdict
  reason: Reason
  strength: Strength
  wire: JSONColumnType<Wire>
  latency_ms: number
  transport: Transport
  leaf: Uint8Array
}

export interface ObservationTable {
  id: string
  observed_at: At
  trial_id: string
  credential_id: string
  identity_id: string
  system_id: string
  verdict: Verdict
  reason: Reason
  strength: Strength
  assurance: Assurance
  confirmed: boolean
  principal: string | null
  transport: Transport
  effects: string | null
  wire: JSONColumnType<Wire>
  latency_ms: number
  trace_id: string
  leaf: Uint8Array
}

export interface FindingTable {
  id: string
  /** `kind:scope`: one finding per kind and thing, reopened rather than made again. */
  key: string
  kind: FindingKind
  severity: Severity
  state: FindingState
  system_id: string | null
  identity_id: string | null
  credential_id: string | null
  episode: number
  sequence: number
  rejections: Generated<number>
  opened_at: At
  last_seen_at: At
  alerted_at: MaybeAt
  resolved_at: MaybeAt
  acknowledged_at: MaybeAt
  acknowledged_by: string | null
  observation_id: string | null
  trial_id: string | null
  trace_id: string | null
  /** Silenced by an exemption that was in force when it was last seen. */
  exempted: Generated<boolean>
  /** Of `feed_silent` only. */
  feed_id: string | null
  /** Of `standing_grant` only. */
  grant_id: string | null
}

export interface FindingEventTable {
  id: string
  finding_id: string
  /** Of the finding when this came to pass, like the three ids. */
  kind: FindingKind
  system_id: string | null
  identity_id: string | null
  credential_id: string | null
  /** Null for what an operator did: only edges are numbered. */
  sequence: number | null
  event: FindingEvent | 'acknowledged' | 'exempted' | 'closed' | 'handed_over'
  at: At
  severity: Severity
  state: FindingState
  observation_id: string | null
  trace_id: string | null
  actor: string | null
  note: string | null
  feed_id: string | null
  grant_id: string | null
  /** The listing that made it; null where none did, and before that was kept. */
  listing_id: string | null
}

export interface ExemptionTable {
  id: string
  finding_kind: FindingKind | null
  credential_id: string | null
  identity_id: string | null
  system_id: string | null
  owner: string
  reason: string
  starts_at: At
  ends_at: At
  created_at: At
  created_by: string
  revoked_at: MaybeAt
}

export interface AlertTable {
  id: string
  finding_id: string
  sequence: number
  event: FindingEvent
  severity: Severity
  at: At
  body: JSONColumnType<Alert>
}

export interface DeliveryTable {
  id: string
  alert_id: string
  sink: string
  state: 'pending' | 'delivered' | 'dead'
  attempts: Generated<number>
  created_at: At
  next_at: MaybeAt
  finished_at: MaybeAt
  detail: string | null
  /** What it may be gathered by; null: it travels alone. */
  group_key: string | null
  /** The delivery in whose message it travels, itself if it leads; null: not gathered yet. */
  leader_id: string | null
  /** The first of the tries that failed; null: none did, or an operator has sent it again since. */
  tried_at: MaybeAt
}

export interface SinkBeatTable {
  sink: string
  /** Of the last sign of life. */
  at: At
}

export interface LockoutBudgetTable {
  realm: string
  account: string
  window_ends_at: At
  tries: number
  locked_until: MaybeAt
}

export interface AuditTable {
  id: string
  at: At
  actor: string
  action: string
  subject: string
  detail: JSONColumnType<Facts>
}

export interface LookTable {
  actor: string
  action: string
  subject: string
  /** Of the last look that the audit has a row of. */
  hour: At
  /** Looks since that row. */
  repeats: number
}

export interface LedgerOutboxTable {
  id: string
  kind: LedgerKind
  /** How many: `refs` and `digests` have one each. */
  leaves: number
  refs: string[]
  digests: Uint8Array[]
  created_at: At
}

export interface LedgerEntryTable {
  index: number
  kind: LedgerKind
  ref: string
  digest: Uint8Array
  at: At
}

export interface LedgerTileTable {
  level: number
  index: number
  /** 1 to 256 hashes of 32 bytes. */
  hashes: Uint8Array
}

export interface LedgerCheckpointTable {
  size: number
  root: Uint8Array
  at: At
  /** The signed note. */
  note: string
}

export interface LedgerKeyTable {
  id: string
  vkey: string
  previous: string | null
  created_at: At
}

export interface LedgerAnchorTable {
  id: string
  /** Its name in the configuration. */
  anchor: string
  kind: string
  size: number
  at: At
  ok: boolean
  /** The time that somebody else stated. */
  stated_at: MaybeAt
  /** What he gave: a cosignature's line, a timestamp response. */
  proof: Uint8Array | null
  detail: string | null
}

export interface GapTable {
  id: string
  system_id: string
  reason: GapReason
  from_at: At
  /** When it was last seen to last. */
  seen_at: At
  to_at: MaybeAt
  credentials_at_start: number
  credentials: number
}

export interface HeartbeatTable {
  instance: string
  zones: string[]
  started_at: At
  at: At
}

export interface SessionTable {
  id: string
  /** SHA-256 of what the cookie holds. */
  digest: Uint8Array
  actor: string
  role: Role
  via: 'link' | 'oidc'
  /** E-mail addresses and external ids of whoever is signed in. */
  bearers: string[]
  address: string | null
  agent: string | null
  created_at: At
  /** Of the last request, to the minute. */
  seen_at: At
  expires_at: At
  ended_at: MaybeAt
  ended_by: string | null
}

export interface ApiTokenTable {
  id: string
  /** SHA-256 of the token. */
  digest: Uint8Array
  name: string
  role: Role
  owner: string | null
  /** E-mail addresses and external ids of its owner and its maker. */
  bearers: string[]
  created_at: At
  created_by: string
  expires_at: At
  used_at: MaybeAt
  ended_at: MaybeAt
  ended_by: string | null
}

export interface SignInLinkTable {
  id: string
  /** SHA-256 of the code in the link. */
  digest: Uint8Array
  role: Role
  email: string | null
  created_at: At
  created_by: string
  expires_at: At
  used_at: MaybeAt
}

export interface IdempotencyTable {
  actor: string
  key: string
  /** Of method, address and body; null until an upload has come in whole. */
  digest: Uint8Array | null
  /** Null while the request runs. */
  status: number | null
  headers: JSONColumnType<Record<string, string>> | null
  /** Null where the answer is not kept. */
  body: string | null
  created_at: At
}

export interface FeedTable {
  id: string
  name: string
  kind: FeedKind
  /** After so much silence it is a finding. The driver gives a bigint as text. */
  silent_after_ms: ColumnType<string, number, number>
  /** Of the last sign of life. */
  heard_at: MaybeAt
  /** When it was last asked, where it is one that is asked. */
  pulled_at: MaybeAt
  /** Why the last try to hear from it failed; null since it was heard. */
  fault: string | null
  fault_at: MaybeAt
  /** How far it has been read; the source's own. */
  position: JSONColumnType<Facts> | null
  retired_at: MaybeAt
  created_at: At
}

export interface FeedSubjectTable {
  feed_id: string
  /** Its stable id in the feed. */
  key: string
  identity_id: string
  standing: FeedStanding
  terminated_at: MaybeAt
  /** Of the statement that counts: an older one that comes late changes nothing. */
  said_at: At
  created_at: At
}

export interface FeedStatementTable {
  id: string
  feed_id: string
  key: string
  /** Null: nobody here has that key yet. */
  identity_id: string | null
  says: StatementSays
  /** When a departure takes effect; null where it is not one. */
  effective_at: MaybeAt
  /** What is needed to apply it later. */
  said: JSONColumnType<Facts>
  state: StatementState
  reason: HoldReason | null
  /** Statements of one delivery are decided together. */
  delivery_id: string
  at: At
  decided_at: MaybeAt
  decided_by: string | null
}

export interface FeedFaultTable {
  feed_id: string
  /** Whom it was about, by the id in the feed; empty: that could not be told. */
  key: string
  /** The last sentence, without secrets. */
  fault: string
  count: number
  first_at: At
  last_at: At
  /** Of the word that was not taken: only one that is no older takes the fault back. */
  said_at: At
}

export interface FeedEventTable {
  feed_id: string
  /** Its unique id, as its sender gave it. */
  key: string
  at: At
}

export interface ScimResourceTable {
  id: string
  feed_id: string
  type: 'User' | 'Group'
  user_name: string | null
  external_id: string | null
  /** The resource as the client wrote it, without `meta`. */
  data: JSONColumnType<Facts>
  /** Counts its changes from 1: the ETag. */
  version: number
  created_at: At
  updated_at: At
}

export interface ListingTable {
  id: string
  system_id: string
  identity_id: string
  /** The file of `probes/inventory` that was asked by. */
  inventory: string
  at: At
  outcome: ListingOutcome
  /** The first fault; null where it is complete. */
  reason: ListingFault | null
  /** Whether the system knows the person at all; null: it could not be told. */
  known: boolean | null
  /** Grants that were seen. */
  listed: number
  /** Of each list `complete`, or its fault. */
  parts: JSONColumnType<Record<string, 'complete' | ListingFault>>
  assurance: 'controlled' | 'explicit'
  trace_id: string
  /** See `ListingFields`. All three are null of a listing that was recorded before listings were logged. */
  whole: LoggedList
  shown: LoggedList
  missing: LoggedList
}

type LoggedList = ColumnType<readonly Fact[] | null, string, string | null>

export interface StandingGrantTable {
  id: string
  system_id: string
  identity_id: string
  inventory: string
  /** Whose it is there, by what tells accounts apart; empty: it was listed before that was kept. */
  account: Generated<string>
  /** Which of its lists shows it. */
  list: string
  kind: GrantKind
  /** Its id in that list. */
  key: string
  title: string
  detail: JSONColumnType<GrantFacts>
  first_seen_at: At
  last_seen_at: At
  /** Whole lists in a row that did not have it. */
  missed: Generated<number>
  /** Since the second of them, or since its identity is here again. */
  gone_at: MaybeAt
  /** The listing that saw it last. */
  listing_id: string
}

export interface ListingTurnTable {
  system_id: string
  leased_until: MaybeAt
  asked_at: MaybeAt
  /** Why the last turn could not ask; null since one could. */
  fault: string | null
  fault_at: MaybeAt
  /** When the last turn ended that had somebody to look at; null: none has. The rest is what came of it. */
  finished_at: MaybeAt
  outcome: TurnOutcome | null
  people: number | null
  complete: number | null
  inconclusive: number | null
  /** Grants that it listed. */
  listed: number | null
}
