import type { Alert, AlertEvidence, AlertGrant } from '../domain/alert.ts'
import type { FindingEvent } from '../domain/finding.ts'
import type { FrameworkMapping } from '../domain/framework.ts'
import { newId } from '../domain/id.ts'
import { type Policy, type PolicyFacts, policyFor, withinMs } from '../domain/policy.ts'
import type { Route } from '../domain/route.ts'
import { type FindingContext, findingContexts, insertAlerts, type NewAlert } from '../store/alert.ts'
import type { Queryable } from '../store/db.ts'
import { type DeliveryTry, toldOf } from '../store/delivery.ts'
import type { FindingRow } from '../store/finding.ts'
import { type AlertFacts, describe } from './describe.ts'
import { frameworksOf } from './frameworks.ts'
import { groupKeyOf, wants } from './route.ts'

export interface RaiseDeps {
  routes(): readonly Route[]
  policy(): Policy
  /** The URL that the configuration of this system gives; it stands in no table. */
  runbook(systemName: string): string | undefined
  /** The mapping to frameworks in force; undefined: the built-in one. */
  frameworks?(): FrameworkMapping | undefined
  /** Enqueues deliveries in the transaction it is given. */
  enqueue(db: Queryable, deliveries: readonly DeliveryTry[], startAfter?: Temporal.Instant): Promise<void>
  now(): Temporal.Instant
}

interface Edge {
  eventId: string
  finding: FindingRow
  event: FindingEvent
  sequence: number
  at: Temporal.Instant
  /** The observation that made it; absent where none did. */
  observationId?: string
}

/**
 * Turns the edges of findings into alerts: each is composed from what the transaction sees, stored, and its deliveries are enqueued,
 * all in that transaction, so that a finding that changed and its alert stand or fall together.
 */
export function openRaise(deps: RaiseDeps): (db: Queryable, edges: readonly Edge[]) => Promise<void> {
  return async (db, edges) => {
    const contexts = await findingContexts(
      db,
      edges.map(({ finding }) => finding),
    )
    const routes = deps.routes()
    const told = await toldBefore(db, routes, edges)
    const notBefore = startsOf(routes, deps.now())
    const alerts = edges.flatMap((edge, n): NewAlert[] => {
      const context = contexts[n]
      if (context === undefined) return []
      const runbook = context.system === undefined ? undefined : deps.runbook(context.system.name)
      const frameworks = frameworksOf(edge.finding.kind, deps.frameworks?.())
      const alert = { ...composeAlert(edge, spoken(edge, context), deps.policy(), runbook), frameworks }
      const { tell } = policyFor(deps.policy(), factsOfAlert(alert))
      const deliveries = routes
        .filter((route) => isFor(route, alert, tell, told.has(`${route.name} ${edge.finding.id}`)))
        .map((route) => {
          return { id: newId(), sink: route.name, groupKey: groupKeyOf(route, alert), notBefore: notBefore.get(route.name) }
        })
      return [{ alert, findingId: edge.finding.id, deliveries }]
    })
    await insertAlerts(db, alerts)
    for (const route of routes) {
      const tries = alerts.flatMap(({ deliveries }) => deliveries.filter(({ sink }) => sink === route.name))
      if (tries.length === 0) continue
      await deps.enqueue(
        db,
        tries.map(({ id, sink }) => ({ id, sink, attempts: 0 })),
        notBefore.get(route.name),
      )
    }
  }
}

/** When each receiver that gathers is first told: others of a group may follow at once, and are waited for. */
function startsOf(routes: readonly Route[], now: Temporal.Instant): ReadonlyMap<string, Temporal.Instant> {
  return new Map(
    routes.flatMap(({ name, group }) => (group === undefined ? [] : [[name, now.add({ milliseconds: group.waitMs })] as const])),
  )
}

/**
 * Whether a receiver is told. That a finding is over is for whoever was told of it, whatever its kind, tier or owner is by now: an
 * incident that was opened somewhere must not stay open there. A second line that was never told of it needs no all-clear.
 */
function isFor(route: Route, alert: Alert, tell: readonly string[] | undefined, wasTold: boolean): boolean {
  if (alert.event === 'resolved' && wasTold) return route.events === undefined || route.events.includes('resolved')
  if (alert.event === 'resolved' && route.afterMs !== undefined) return false
  if (tell === undefined) return wants(route, alert)
  // A rule of the policy says who is told: whoever it names, wherever the thing is, and nobody else.
  return tell.includes(route.name) && wants(withoutPlace(route), alert)
}

/** Whose it is decides the rule: of the receiver's own conditions those on place are left out. */
function withoutPlace({ tiers: _, owners: __, identityKinds: ___, ...route }: Route): Route {
  return route
}

function factsOfAlert({ system, identity, credential }: Alert): PolicyFacts {
  return {
    ...{ tier: system?.tier, system: system?.name, identityKind: identity?.kind },
    ...{ privilege: credential?.privilege, credentialKind: credential?.kind },
  }
}

async function toldBefore(db: Queryable, routes: readonly Route[], edges: readonly Edge[]): Promise<Set<string>> {
  const over = edges.filter(({ event }) => event === 'resolved').map(({ finding }) => finding.id)
  return toldOf(
    db,
    routes.map(({ name }) => name),
    over,
  )
}

/** What an alert may rest on. That a finding is over because an operator says so, no answer has proven: the last one is left out. */
function spoken({ event, observationId }: Edge, context: FindingContext): FindingContext {
  return event === 'resolved' && observationId === undefined ? { ...context, observation: undefined, controls: [] } : context
}

/** One alert from one edge and what is known of its finding. */
export function composeAlert(edge: Omit<Edge, 'finding'>, context: FindingContext, policy: Policy, runbook?: string): Alert {
  const facts = factsOf(edge, context, policy, runbook)
  return { ...facts, ...describe(facts) }
}

function factsOf(edge: Omit<Edge, 'finding'>, context: FindingContext, policy: Policy, runbook: string | undefined): AlertFacts {
  const { finding, system, identity, credential, feed, grant } = context
  const evidence = evidenceOf(context)
  const deadline = deadlineOf(edge, context, policy)
  return {
    id: edge.eventId,
    dedupKey: `finding:${finding.id}`,
    event: edge.event,
    sequence: edge.sequence,
    at: edge.at.toString(),
    finding: {
      id: finding.id,
      kind: finding.kind,
      severity: finding.severity,
      state: finding.state,
      episode: finding.episode,
      openedAt: finding.opened_at.toString(),
      lastSeenAt: finding.last_seen_at.toString(),
      ...(finding.resolved_at === null ? {} : { resolvedAt: finding.resolved_at.toString() }),
    },
    ...(system === undefined
      ? {}
      : {
          system: {
            id: system.id,
            name: system.name,
            probe: system.probe,
            origin: system.origin,
            tier: system.tier,
            zone: system.zone,
            ...(system.owner === null ? {} : { owner: system.owner }),
            ...(runbook === undefined ? {} : { runbook }),
          },
        }),
    ...(identity === undefined
      ? {}
      : {
          identity: {
            id: identity.id,
            externalId: identity.external_id,
            kind: identity.kind,
            name: identity.name,
            ...(identity.email === null ? {} : { email: identity.email }),
            ...(identity.owner_external_id === null ? {} : { owner: identity.owner_external_id }),
            ...(identity.terminated_at === null ? {} : { terminatedAt: identity.terminated_at.toString() }),
          },
        }),
    ...(credential === undefined
      ? {}
      : {
          credential: {
            id: credential.id,
            label: credential.label,
            kind: credential.kind,
            fingerprint: credential.fingerprint,
            privilege: credential.privilege,
            ...(credential.principal === null ? {} : { principal: credential.principal }),
          },
        }),
    ...(feed === undefined
      ? {}
      : {
          feed: {
            ...{ id: feed.id, name: feed.name, kind: feed.kind },
            ...(feed.heard_at === null ? {} : { heardAt: feed.heard_at.toString() }),
          },
        }),
    ...(grant === undefined ? {} : { grant: grantOf(grant) }),
    ...(evidence === undefined ? {} : { evidence }),
    ...(deadline === undefined ? {} : { deadline }),
    ...(finding.trace_id === null ? {} : { traceId: finding.trace_id }),
    frameworks: frameworksOf(finding.kind),
  }
}

function grantOf({ id, kind, title, key, detail }: NonNullable<FindingContext['grant']>): AlertGrant {
  return {
    ...{ id, kind, title, key, scopes: detail.scopes ?? [] },
    ...(detail.createdAt === undefined ? {} : { createdAt: detail.createdAt }),
    ...(detail.lastUsedAt === undefined ? {} : { lastUsedAt: detail.lastUsedAt }),
  }
}

function evidenceOf({ observation, controls }: FindingContext): AlertEvidence | undefined {
  if (observation === undefined) return undefined
  return {
    observationId: observation.id,
    observedAt: observation.observed_at.toString(),
    verdict: observation.verdict,
    reason: observation.reason,
    strength: observation.strength,
    assurance: observation.assurance,
    confirmed: observation.confirmed,
    ...(observation.principal === null ? {} : { principal: observation.principal }),
    wire: observation.wire,
    latencyMs: observation.latency_ms,
    transport: observation.transport,
    trialId: observation.trial_id,
    controls,
  }
}

function deadlineOf(
  edge: Omit<Edge, 'finding'>,
  { identity, credential, grant, system }: FindingContext,
  policy: Policy,
): Alert['deadline'] | undefined {
  const terminatedAt = identity?.terminated_at
  if (terminatedAt == null || (credential === undefined && grant === undefined) || system === undefined) return undefined
  const facts = { tier: system.tier, system: system.name, identityKind: identity?.kind }
  const allowed = withinMs(policy.revokeWithinMs, {
    ...facts,
    privilege: credential?.privilege,
    credentialKind: credential?.kind,
  })
  const given = credential?.handover_by ?? undefined
  const revokeBy = given === undefined ? terminatedAt.add({ milliseconds: allowed }) : later(given, terminatedAt)
  return { revokeBy: revokeBy.toString(), overdueMs: edge.at.epochMilliseconds - revokeBy.epochMilliseconds }
}

/** Access that is handed over has to be gone by the date, though never before its holder is. */
function later(a: Temporal.Instant, b: Temporal.Instant): Temporal.Instant {
  return Temporal.Instant.compare(a, b) < 0 ? b : a
}
