import type { Alert } from '../domain/alert.ts'
import type { FindingKind } from '../domain/finding.ts'
import type { GrantKind } from '../domain/grant.ts'
import { plain } from './plain.ts'
import { REVOKE_ANYWHERE, REVOKE_STEPS } from './revoke-steps.ts'

type Facts = Pick<Alert, 'finding' | 'system' | 'identity' | 'grant'>

/**
 * What to do next, in order; the system's runbook goes before all. Names and principals are never put into a command: a name chosen by a stranger must not be pasted
 * into a shell or a SQL prompt.
 */
export function remediate(facts: Facts): string[] {
  const { kind } = facts.finding
  return [
    ...runbook(facts),
    ...STEPS[kind](facts),
    CLOSING[kind] ?? 'Then wait: Revenant tries again and resolves the finding by itself once the system proves it.',
  ]
}

/** How a finding ends that no replay of a credential can end. */
const CLOSING: Partial<Record<FindingKind, string>> = {
  orphaned_identity: 'Then wait: the finding resolves once the identity has an owner or has ended.',
  feed_silent: 'Then wait: the finding resolves once the source reports again.',
  standing_grant: 'Then wait: the finding resolves once two whole lists in a row do not show it any more.',
}

const GRANT_STEPS: Record<GrantKind, string> = {
  oauth_consent: 'Take the consent back in the administration of the system: the tokens that the application holds end with it.',
  oauth_token: 'Revoke the token in the administration of the system.',
  api_key: 'Revoke the key in the administration of the system.',
  ssh_key: 'Delete the key from the account.',
  app_password: 'Delete the app password: it opens the account without a second factor.',
  service_account: 'Give the service account another owner, rotate its secrets, or delete it.',
  webhook: 'Delete the webhook, or have somebody else own it with a new secret.',
  pipeline: 'Have somebody else own the pipeline, or delete it.',
  bot: 'Have somebody else own the bot and rotate its token, or remove it.',
  session: 'End the sessions of the account.',
}

const STEPS: Record<FindingKind, (facts: Facts) => string[]> = {
  residual_access: (facts) => [...revoke(facts), ...hunt(facts)],
  resurrected_access: (facts) => [
    ...revoke(facts),
    'Find what brought it back: a restored backup, a re-enabled or recreated account, a synchronisation that wrote an old state.',
    ...hunt(facts),
  ],
  shared_secret_not_rotated: () => [
    'Rotate the secret: make a new value, give it to the remaining holders, then make the system refuse the old value.',
    'Check that no old version stays valid beside the new one (grace periods, second key slots).',
  ],
  handover_overdue: (facts) => [
    'Check that the automation runs on its new credential; if it does not, agree a new deadline as an exemption with an owner and an end.',
    ...revoke(facts),
  ],
  open_system: ({ system }) => [
    `Check that ${describeProbe(system)} asks for authentication on the path that Revenant uses (anonymous binds, trust rules, a public endpoint, a proxy that signs in for everybody).`,
    'If the answer is meant to be public, the target is set up wrongly: point it to an operation that needs authentication.',
  ],
  any_secret_accepted: ({ system }) => [
    `Find out why ${describeProbe(system)} does not weigh the secret (trust rules, an authentication plug-in that fails open, a gateway that checks the name only) and mend it now.`,
    'Review what signed in to this account since the finding opened.',
  ],
  principal_mismatch: (facts) => [
    'Find out whose account it opens and why: a shared secret, a reused password, a token that was re-issued, or a wrong record here.',
    ...revoke(facts),
  ],
  blind_system: () => [
    'Check the canary of this system: is the account enabled, is its secret current, may it sign in from here?',
    'Check the path: address, TLS trust, rate limits, IP rules, maintenance.',
    'Until it passes, treat everybody who left as not proven to be out of this system.',
  ],
  unverified_past_deadline: (facts) => [
    'See the last reason: it says why nothing could be proven (unreachable, rate limited, locked, blocked by address).',
    'Check by hand in the system meanwhile.',
    ...revoke(facts),
  ],
  orphaned_identity: () => [
    'Name a new owner in the source that Revenant imports, where the identity is still needed.',
    'Rotate every secret that it holds: whoever left may know them.',
    'Retire it where nobody needs it: revoke its credentials in every system, then end the identity in that source.',
  ],
  standing_grant: (facts) => [
    GRANT_STEPS[facts.grant?.kind ?? 'oauth_token'],
    'Where something of the business runs on it, move that to an account of its own first.',
    'It was listed, not tried: whether it still works is not known. See when it was last used.',
  ],
  feed_silent: () => [
    'Check the source: credentials of the connection, webhook or stream subscription, quarantine or disabled jobs on its side.',
    'When it works again, have it send the missed time span once more.',
  ],
}

function revoke({ system }: Facts): readonly [string, ...string[]] {
  return knownSteps(system) ?? REVOKE_ANYWHERE
}

function knownSteps(system: Facts['system']) {
  return system !== undefined && Object.hasOwn(REVOKE_STEPS, system.probe) ? REVOKE_STEPS[system.probe] : undefined
}

function hunt({ identity }: Facts): string[] {
  if (identity?.terminatedAt === undefined) return []
  return [
    `Look in the system's log for sign-ins of this account since ${identity.terminatedAt}: Revenant's own say so in their client name.`,
  ]
}

function describeProbe(system: Facts['system']): string {
  return system === undefined || knownSteps(system) === undefined ? 'the system' : `the ${system.probe} service`
}

function runbook({ system }: Facts): string[] {
  return system?.runbook === undefined ? [] : [`Runbook: ${plain(system.runbook, 2_000)}`]
}
