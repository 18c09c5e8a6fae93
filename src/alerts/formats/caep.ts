import type { Alert } from '../../domain/alert.ts'
import { RevenantError } from '../../domain/error.ts'
import type { FindingKind, Severity } from '../../domain/finding.ts'
import { fitAlert } from '../fit-alert.ts'
import { linkOf } from './link.ts'
import { type Format, type FormatContext, MAX_BODY_BYTES } from './rendered.ts'

const CAEP = 'https://schemas.openid.net/secevent/caep/event-type'

/**
 * A Security Event Token (RFC 8417, compact JWS) with one CAEP 1.0 event, for an identity provider or another tool that can act on it; its
 * body is what RFC 8935 pushes. Deterministic: `jti` and `iat` are the alert's, and so is the signature.
 *
 * Which event is honest? Nothing was revoked, so an open finding is no `session-revoked` and no `credential-change`: it is what we think of
 * the subject, a `risk-level-change`. The level is never lowered, since another door of the same person may stand open: the end of a
 * finding is a `credential-change` with `revoke` where as many answers refused the credential as the policy takes for a proof, else the same
 * level, to be looked at again.
 *
 * Throws CONFIG_INVALID where the context has no signer.
 */
export const caep: Format = (alert, context) => {
  const { signer } = context
  if (signer === undefined)
    throw new RevenantError(
      'CONFIG_INVALID',
      'the format caep signs what it sends: the sink needs a signing key, an issuer and an audience',
    )
  return {
    contentType: 'application/secevent+jwt',
    body: fitAlert(alert, context.maxBytes ?? MAX_BODY_BYTES, (fitted) => {
      const claims = { iss: signer.issuer, aud: signer.audience, ...claimsOf(fitted, context) }
      return signer.sign({ typ: 'secevent+jwt' }, JSON.stringify(claims))
    }),
  }
}

/** SSF 1.0: `sub_id`, and neither `sub` nor `exp`. `txn` joins the events of one finding. */
function claimsOf(alert: Alert, context: FormatContext) {
  return {
    jti: alert.id,
    iat: seconds(alert.at),
    txn: alert.dedupKey,
    sub_id: subjectOf(alert),
    events: isProvenEnd(alert)
      ? { [`${CAEP}/credential-change`]: credentialChange(alert, context) }
      : { [`${CAEP}/risk-level-change`]: riskLevelChange(alert, context) },
  }
}

const LEVELS: Record<Severity, 'LOW' | 'MEDIUM' | 'HIGH'> = {
  info: 'LOW',
  low: 'LOW',
  medium: 'MEDIUM',
  high: 'HIGH',
  critical: 'HIGH',
}

function riskLevelChange(alert: Alert, context: FormatContext) {
  return {
    principal: alert.identity === undefined ? 'APPLICATION' : 'USER',
    current_level: LEVELS[alert.finding.severity],
    risk_reason: alert.finding.kind.toUpperCase(),
    ...common(alert, context),
  }
}

/** CAEP's names of credential types; another is allowed where both sides know it. */
const CREDENTIAL_TYPES: Readonly<Record<string, string>> = { certificate: 'x509', 'client-certificate': 'x509' }

function credentialChange(alert: Alert, context: FormatContext) {
  const kind = alert.credential?.kind ?? 'unknown'
  return {
    credential_type: Object.hasOwn(CREDENTIAL_TYPES, kind) ? CREDENTIAL_TYPES[kind] : kind,
    change_type: 'revoke',
    ...(alert.credential === undefined ? {} : { friendly_name: alert.credential.label }),
    ...common(alert, context),
  }
}

/** CAEP 1.0 §2: optional members of every event. `initiating_entity` is left out: we saw it, and do not know who did it. */
function common(alert: Alert, context: FormatContext) {
  const link = linkOf(alert.finding.id, context)
  return {
    event_timestamp: seconds(alert.evidence?.observedAt ?? alert.at),
    reason_admin: { en: [alert.title, alert.summary, ...alert.remediation, ...(link === undefined ? [] : [link])].join('\n') },
  }
}

/** Findings that as many refusals as the policy asks for have closed; others end with the first answer that can be judged. */
const PROVEN_KINDS: ReadonlySet<FindingKind> = new Set<FindingKind>([
  'residual_access',
  'resurrected_access',
  'shared_secret_not_rotated',
  'handover_overdue',
])

/** The answer that ended this finding refused the credential, and was the last one that a proof needed. */
function isProvenEnd({ event, evidence, credential, finding }: Alert): boolean {
  return event === 'resolved' && PROVEN_KINDS.has(finding.kind) && evidence?.verdict === 'rejected' && credential !== undefined
}

/** RFC 9493, in the formats that CAEP's interoperability profile asks of receivers: `email`, else `opaque`. */
function subjectOf({ identity, system, finding }: Alert) {
  const email = identity?.email
  if (email !== undefined && /^[^\s@]+@[^\s@]+$/.test(email)) return { format: 'email', email }
  return { format: 'opaque', id: identity?.externalId || system?.name || finding.id }
}

function seconds(instant: string): number {
  return Math.floor(Temporal.Instant.from(instant).epochMilliseconds / 1_000)
}
