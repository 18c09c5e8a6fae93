import type { DemoSnapshot } from './snapshot.ts'
import { BACKED_BY, CANARY, DECOYS, IDENTITY_KIND, sayReason, sayUnjudged, shortSpan, TAG } from './words.ts'

/** One thing that a snapshot says: `signature` changes when there is news, `text` may change every second. */
interface Fact {
  key: string
  signature: string
  text: string
}

/** What is open, and what to say once it is not any more. */
interface OpenFact extends Fact {
  over: string
}

/** What a plain log says of a snapshot after the one before: one line for each thing that is new, or not what it was. */
export function changesSince(previous: DemoSnapshot | undefined, next: DemoSnapshot): string[] {
  const before = new Map((previous === undefined ? [] : factsOf(previous)).map((fact) => [fact.key, fact.signature]))
  const facts = factsOf(next)
  const keys = new Set(facts.map((fact) => fact.key))
  const gone = (previous === undefined ? [] : openFacts(previous)).filter((fact) => !keys.has(fact.key))
  return [
    ...gone.map((fact) => fact.over),
    ...facts.filter((fact) => before.get(fact.key) !== fact.signature).map((fact) => fact.text),
  ].map((text) => `${clockOf(next.now)} ${text.replace(/[\p{Cc}\p{Cf}]+/gu, ' ')}`)
}

function factsOf(snapshot: DemoSnapshot): Fact[] {
  return [
    ...controlFacts(snapshot),
    ...openFacts(snapshot),
    ...snapshot.closed.map(({ identity, system, credential, reason, assurance, latency }) => ({
      key: JSON.stringify(['credential', identity, system, credential]),
      signature: `closed ${reason} ${assurance}`,
      text: `CLOSED      ${identity} at ${system}, ${credential}: ${sayReason(reason)}${
        latency === undefined ? '' : `, ${shortSpan(latency)} after leaving`
      } (${BACKED_BY[assurance]})`,
    })),
    ...snapshot.unjudged.map((door) => ({
      key: JSON.stringify(['credential', door.identity, door.system, door.credential]),
      signature: `unjudged ${door.reason} ${door.refused ?? ''}`,
      text: `NOT JUDGED  ${door.identity} at ${door.system}, ${door.credential}: ${sayUnjudged(door)}`,
    })),
    ...alertFacts(snapshot),
  ]
}

function openFacts({ open, now }: DemoSnapshot): OpenFact[] {
  return open.map(({ identity, identityKind, system, credential, kind, severity, since, state, how }) => {
    const who =
      identity === undefined ? 'anybody' : `${identity}${identityKind === undefined ? '' : IDENTITY_KIND[identityKind].long}`
    const notes = [
      TAG[kind],
      state === 'acknowledged' ? state : '',
      identity === undefined ? '' : `gone ${shortSpan(now.since(since))}`,
    ]
    const told = notes.filter((note) => note !== '').join(', ')
    const where = `${system}${credential === undefined ? '' : `, ${credential}`}`
    return {
      key: JSON.stringify(['open', identity, system, credential, identity === undefined ? kind : '']),
      signature: [kind, severity, state, how].join(' '),
      text: `STILL OPEN  ${severity.toUpperCase()}: ${who} gets into ${where}${told === '' ? '' : ` (${told})`}: ${how}`,
      over: `RESOLVED    ${who} at ${where}`,
    }
  })
}

function controlFacts({ systems }: DemoSnapshot): Fact[] {
  // Before a system was asked there is nothing to say of it.
  const asked = systems.filter(({ decoys, canary }) => decoys !== 'none' || canary !== 'none')
  return asked.map(({ name, decoys, canary, note }) => ({
    key: JSON.stringify(['controls', name]),
    signature: `${decoys} ${canary}`,
    text: `CONTROLS    ${name}: ${DECOYS[decoys]}, ${CANARY[canary]}${note === undefined ? '' : ` (${note})`}`,
  }))
}

function alertFacts({ alerts }: DemoSnapshot): Fact[] {
  return alerts
    .filter((alert) => alert.delivered)
    .map(({ at, event, severity, title }) => ({
      key: JSON.stringify(['alert', at.toString(), event, title]),
      signature: 'delivered',
      text: `ALERT SENT  ${event}, ${severity}: ${title}`,
    }))
}

/** Local time, `12:30:01`. */
export function clockOf(at: Temporal.Instant): string {
  return at.toZonedDateTimeISO(Temporal.Now.timeZoneId()).toPlainTime().toString({ smallestUnit: 'second' })
}
