import type { Role } from '../domain/access.ts'
import type { Departure, FeedKind } from '../domain/feed.ts'
import type { Cadence, PolicyRule, RevokeWithin } from '../domain/policy.ts'
import type { Route } from '../domain/route.ts'
import type { RingWrapConfig, SecretManagerConfig } from '../domain/secret-manager.ts'
import type { Tier } from '../domain/system.ts'
import type { InventoryConfig } from './inventory-schema.ts'
import type { AnchorConfig } from './ledger-schema.ts'
import type { Rate } from './rate.ts'

/** The whole configuration, checked, with every default filled in. Durations are milliseconds; secrets are references. */
export interface Config {
  database: DatabaseConfig
  /** Where the page, the API, health and metrics are served. Port 0: any free port. */
  listen: { host: string; port: number }
  /** This replica's name; left out: the caller uses the host name. */
  instance?: string
  /** Where people open Revenant; left out: alerts have no links. */
  publicUrl?: string
  /** The zones whose systems this replica tries. */
  zones: string[]
  /** Path of the key ring, relative to the working directory. */
  keyRing: string
  /** How the key ring is wrapped, and how it may still be. */
  keyRingWrap: KeyRingWrapConfig
  secretManagers: SecretManagerConfig[]
  /** `shredAfterDeadMs` left out: never. `cloudKeyMaxAgeMs` left out: a cloud key has no date. */
  custody: { shredAfterDeadMs?: number; cloudKeyMaxAgeMs?: number }
  /** `revenant/0.1 (+contact)`: printable ASCII, at most 64 characters. */
  attribution: string
  scan: ScanConfig
  policy: PolicyConfig
  retention: { observationsMs: number }
  /** Path of the mapping to frameworks; left out: the shipped one. */
  frameworks?: string
  ledger: LedgerConfig
  evidence: { auditorTokens: AuditorTokenConfig[] }
  access: AccessConfig
  systems: SystemConfig[]
  /** Where leavers are heard of while the daemon runs. */
  sources: SourceConfig[]
  alerts: SinkConfig[]
  /** `traceUrl`: an address with `{traceId}` in it. */
  telemetry: { logLevel: LogLevel; traceUrl?: string }
}

export interface KeyRingWrapConfig {
  /** Left out: not wrapped. */
  wrap?: RingWrapConfig
  previous: RingWrapConfig[]
}

export interface DatabaseConfig {
  /** A reference to a `postgres://` URL, or such a URL without a password. Left out: the embedded database in `dataDir`. */
  url?: string
  dataDir: string
  poolSize: number
}

export interface ScanConfig {
  tickMs: number
  /** Credentials read and recorded at a time. */
  pageSize: number
  /** How long one trial may run before it hands the rest to the next. */
  trialBudgetMs: number
  /** Systems tried at the same time by this replica. */
  workers: number
}

export interface PolicyConfig {
  /** From termination until access must be gone. */
  revokeWithinMs: RevokeWithin
  /** From termination until a credential without any judgement becomes `unverified_past_deadline`. */
  verifyWithinMs: number
  confirmRejections: number
  confirmAfterMs: number
  /** In rising order of `untilMs` (since termination); only the last row has none. */
  cadence: Cadence
  provenEveryMs: number
  remindEveryMs: number
  /** In order; left out where the file has none. */
  rules?: PolicyRule[]
  /** `HH:MM` in `timeZone`: the instant of a termination that is known by its date only. */
  terminationCutOff: string
  /** IANA name. */
  timeZone: string
}

export interface SystemConfig {
  name: string
  probe: string
  /** As written; the probe's own schema has checked it. */
  target: Record<string, unknown>
  tier: Tier
  owner?: string
  /** Systems of one realm share lockout budgets; the system's own name where the file gives none. */
  realm: string
  zone: string
  schedule?: { cron: string; timeZone: string }
  limits: LimitsConfig
  controls: ControlsConfig
  /** Left out: nothing is listed here. */
  inventory?: InventoryConfig
  allowEffects: AllowableEffect[]
  runbook?: string
  /** False: never tried, its credentials keep their state. */
  enabled: boolean
  attribution: string
}

export interface LedgerConfig {
  /** Left out: the name that the log got when it began. */
  origin?: string
  publish: boolean
  anchorEveryMs: number
  anchors: AnchorConfig[]
}

export interface AuditorTokenConfig {
  name: string
  /** A reference. */
  token: string
}

export interface AccessConfig {
  /** False: neither API nor page. */
  serve: boolean
  /** Paths of PEM files. */
  tls?: { cert: string; key: string }
  /** Addresses and networks whose X-Forwarded-* headers are believed. */
  proxy?: { trust: string[] }
  sessions: { idleMs: number; longestMs: number }
  oidc?: OidcConfig
}

export interface OidcConfig {
  issuer: string
  clientId: string
  /** A reference. */
  clientSecret?: string
  scopes: string[]
  roles: { claim: string; value: string; role: Role }[]
  returnAfterSignOut?: boolean
  assumeEmailVerified?: boolean
  nameClaim: string
  identityClaim: string
}

export interface LimitsConfig {
  concurrency: number
  rate: Rate
  /** Wrong tries that one principal of the realm may suffer. */
  failuresPerPrincipal: Rate
  timeoutMs: number
  shards: number
}

export interface ControlsConfig {
  /** A reference to a whole secret (a JSON object), or a secret whose sensitive fields are references. */
  canary?: string | Record<string, string>
  /** The canary's account in a shared realm, where its own name does not tell. */
  canaryAccount?: string
  validForMs: number
  confirmationValidForMs: number
  canaryMissing: CanaryMissing
}

export interface SourceConfig {
  name: string
  source: FeedKind
  onInactive: Departure
  onDeleted: Departure
  joiners: 'follow' | 'ignore'
  massEvent: { share: number; least: number; windowMs: number }
  /** Left out: what the kind has. */
  silentAfterMs?: number
  /** The source's own keys; `checkSource` has checked them. */
  options: Record<string, unknown>
}

export interface SinkConfig extends Route {
  sink: string
  /** Left out: the sink's own first. */
  format?: string
  to?: string
  /** A reference. */
  secret?: string
  /** The sink's own keys; `checkSink` has checked them. */
  options: Record<string, unknown>
}

export const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

/** Effects of a replay that a system must allow by name: those of `src/probe` without `prolongs-life` (a test compares them). */
export const ALLOWABLE_EFFECTS = ['rotates-token', 'consumes-use', 'mints-session', 'writes'] as const
export type AllowableEffect = (typeof ALLOWABLE_EFFECTS)[number]

export const CANARY_MISSING = ['allowed', 'refused'] as const
export type CanaryMissing = (typeof CANARY_MISSING)[number]
