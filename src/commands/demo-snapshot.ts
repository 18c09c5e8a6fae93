import type { Runtime } from '../daemon/runtime.ts'
import type { AlertLine, ClosedDoor, DemoSnapshot, OpenDoor, SystemControls, UnjudgedDoor } from '../lab/snapshot.ts'
import {
  type CredentialStanding,
  credentialStandings,
  type LastControls,
  lastControls,
  type SystemFinding,
  systemFindings,
} from '../store/standing.ts'

const MOST = 500

/** Reads how the demo stands, from the daemon's own database. */
export async function demoSnapshot(
  runtime: Runtime,
  startedAt: Temporal.Instant,
  alerts: AlertLine[],
  hints: string[],
): Promise<DemoSnapshot> {
  const { db } = runtime.store
  const now = runtime.now()
  const standings = await credentialStandings(db, now, MOST)
  const openSystems = (await systemFindings(db)).filter((finding) => finding.kind === 'open_system')
  const controls = await lastControls(db)
  return {
    startedAt,
    now,
    open: [...openSystems.map(openSystem), ...standings.flatMap(openDoor)],
    closed: standings.flatMap(closedDoor),
    unjudged: standings.flatMap(unjudgedDoor),
    waiting: standings.filter((each) => each.verdict === null).length,
    systems: runtime.systems.all().map(({ config, probe }) => controlsOf(config.name, probe.origin, controls)),
    alerts,
    hints,
  }
}

function openDoor(of: CredentialStanding): OpenDoor[] {
  const { finding } = of
  if (finding === null || finding.state === 'resolved') return []
  return [
    {
      identity: of.identity,
      identityKind: of.identityKind,
      system: of.system,
      credential: of.label,
      kind: finding.kind,
      severity: finding.severity,
      since: of.terminatedAt,
      state: finding.state,
      how: howOf(of),
    },
  ]
}

function howOf({ principal, confirmed, verdict, finding }: CredentialStanding): string {
  if (finding?.kind === 'any_secret_accepted') return 'any secret is accepted'
  const who = principal === null ? '' : `as ${principal}; `
  if (verdict === 'rejected') return `${who}refused now, to be proven`
  return confirmed ? `${who}decoy refused` : `${who}not confirmed`
}

function openSystem(finding: SystemFinding): OpenDoor {
  return {
    system: finding.system,
    kind: finding.kind,
    severity: finding.severity,
    since: finding.openedAt,
    state: finding.state === 'acknowledged' ? 'acknowledged' : 'open',
    how: 'a made-up credential was accepted',
  }
}

function closedDoor(of: CredentialStanding): ClosedDoor[] {
  if (!of.dead || of.verdict !== 'rejected' || of.reason === null || of.assurance === null || of.finding !== null) return []
  const latency = of.latencyMs === null ? {} : { latency: Temporal.Duration.from({ milliseconds: Math.round(of.latencyMs) }) }
  return [
    { identity: of.identity, system: of.system, credential: of.label, reason: of.reason, assurance: of.assurance, ...latency },
  ]
}

function unjudgedDoor(of: CredentialStanding): UnjudgedDoor[] {
  if (of.verdict === null || of.reason === null || of.finding !== null) return []
  if (of.verdict === 'accepted' || (of.verdict === 'rejected' && of.dead)) return []
  const refused =
    of.verdict !== 'rejected'
      ? {}
      : { refused: of.strength === 'weak' && of.assurance !== 'controlled' ? ('weak' as const) : ('once' as const) }
  return [{ identity: of.identity, system: of.system, credential: of.label, reason: of.reason, ...refused }]
}

function controlsOf(name: string, origin: string, all: readonly LastControls[]): SystemControls {
  const mine = all.filter((each) => each.system === name)
  const decoys = mine.filter((each) => each.control === 'nobody' || each.control === 'stranger')
  const canary = mine.find((each) => each.control === 'canary')
  const stranger = decoys.find((each) => each.control === 'stranger')
  const failed =
    decoys.find((each) => each.verdict === 'inconclusive' && each.control === 'stranger') ??
    (stranger === undefined ? decoys.find((each) => each.verdict === 'inconclusive') : undefined)
  return {
    name,
    origin,
    decoys: decoys.some((each) => each.verdict === 'accepted')
      ? 'accepted'
      : failed !== undefined
        ? 'failed'
        : decoys.length > 0
          ? 'refused'
          : 'none',
    canary: canary === undefined ? 'none' : canary.verdict === 'accepted' ? 'accepted' : 'failed',
    ...(failed === undefined ? {} : { note: failed.reason }),
  }
}
