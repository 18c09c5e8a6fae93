import { Readable } from 'node:stream'
import { suggest } from '../../config/nearest.ts'
import type { SecretValue } from '../../custody/box.ts'
import { RevenantError } from '../../domain/error.ts'
import { audit } from '../../store/audit.ts'
import { findByFingerprint } from '../../store/credential-fingerprint.ts'
import { type CredentialIntakeDeps, importCredentials } from '../credentials.ts'
import type { ImportOptions } from '../deps.ts'
import { aside, type Candidate, type Found, isAside, setAside } from './candidate.ts'
import { chooseSystems, isOf, type Mapping, type SystemWords } from './choose-system.ts'
import type { ConfiguredSystem } from './configured-system.ts'
import { kindOf } from './fit-secret.ts'
import { addAside, type FoundReport, newFoundReport } from './found-report.ts'
import { type OwnerWords, openOwners } from './owners.ts'
import { keyFault } from './private-key.ts'

export interface FoundDeps extends Omit<CredentialIntakeDeps, 'bindings'> {
  /** The configured systems by name. */
  systems: ReadonlyMap<string, ConfiguredSystem>
}

/** What the operator says beside the source. */
export interface FoundWords extends OwnerWords, SystemWords {}

/** Where things were found, for the audit. */
export interface FoundSource {
  /** `report.import` or `workstation.import`. */
  action: string
  name: string
}

/** One secret of one identity at one system, with everything that was found of it. */
interface Holding {
  identity: string
  system: ConfiguredSystem
  value: SecretValue
  fingerprint: string
  first: Candidate
}

/**
 * Imports what a source found, by way of the credential import: sealed, fingerprinted, audited, due now where its holder has left.
 * The same secret of one identity at one system is one credential, however often it was found and under whatever label it is known;
 * of several identities, it is shared. What cannot be imported is reported with its reason. Throws `INPUT_INVALID` or `NOT_FOUND`
 * where the operator names a system or an identity that is not there, before anything is written.
 */
export async function importFound(
  found: readonly Found[],
  source: FoundSource,
  words: FoundWords,
  deps: FoundDeps,
  options: ImportOptions,
): Promise<FoundReport> {
  checkMappings(words.mappings, deps.systems)
  const candidates = found.filter((each): each is Candidate => !isAside(each))
  const ownerOf = await openOwners(deps.db, words, candidates)
  const report = newFoundReport()
  report.found = found.length
  report.unusedMaps = unusedOf(words.mappings, candidates)
  const holdings = new Map<string, Holding>()
  for (const each of found) {
    if (isAside(each)) {
      addAside(report, each)
      continue
    }
    if (each.claim !== undefined) report.claims[each.claim ? 'works' : 'fails']++
    const fault = await keyFault(each)
    const { choices, asides } = fault === undefined ? chooseSystems(each, deps.systems, words) : { choices: [], asides: [fault] }
    for (const one of asides) addAside(report, one)
    if (choices.length === 0) continue
    const identity = ownerOf(each)
    if (typeof identity === 'string')
      for (const choice of choices) hold(holdings, report, deps, { identity, ...choice, first: each })
    else addAside(report, identity)
  }
  await importHoldings([...holdings.values()], source, deps, options, report)
  if (!options.dryRun) await noteInAudit(source, deps, report)
  return report
}

function checkMappings(mappings: readonly Mapping[], systems: ReadonlyMap<string, ConfiguredSystem>): void {
  const stranger = mappings.find(({ system }) => !systems.has(system))
  if (stranger === undefined) return
  const hint = suggest(stranger.system, [...systems.keys()])
  throw new RevenantError('INPUT_INVALID', `--map ${stranger.detector}: names none of the configuration's systems${hint}`)
}

function unusedOf(mappings: readonly Mapping[], candidates: readonly Candidate[]): string[] {
  return mappings.flatMap(({ detector }) => (candidates.some((each) => isOf(each, detector)) ? [] : [detector]))
}

function hold(holdings: Map<string, Holding>, report: FoundReport, deps: FoundDeps, held: Omit<Holding, 'fingerprint'>): void {
  let fingerprint: string
  try {
    fingerprint = deps.custody.fingerprint(held.system.binding.systemId, held.value)
  } catch (error) {
    if (!(error instanceof RevenantError)) throw error
    addAside(report, setAside(held.first, 'refused', error.message))
    return
  }
  const key = JSON.stringify([held.system.binding.systemId, held.identity, fingerprint])
  if (holdings.has(key)) report.joined++
  else holdings.set(key, { ...held, fingerprint })
}

async function importHoldings(
  holdings: readonly Holding[],
  source: FoundSource,
  deps: FoundDeps,
  options: ImportOptions,
  report: FoundReport,
): Promise<void> {
  if (holdings.length === 0) return
  const known = await findByFingerprint(
    deps.db,
    holdings.map(({ system, fingerprint }) => ({ systemId: system.binding.systemId, fingerprint })),
  )
  // Of two that hold the same secret the one in use stands first.
  const labels = new Map(
    known.toReversed().map((row) => [JSON.stringify([row.systemId, row.externalId, row.fingerprint]), row.label]),
  )
  const holders = new Map<string, Set<string>>()
  const note = (systemId: string, fingerprint: string, identity: string) => {
    const key = `${systemId} ${fingerprint}`
    holders.set(key, (holders.get(key) ?? new Set()).add(identity))
  }
  for (const row of known) note(row.systemId, row.fingerprint, row.externalId)
  for (const { system, fingerprint, identity } of holdings) note(system.binding.systemId, fingerprint, identity)
  const rows = holdings.map((holding) => {
    const { systemId } = holding.system.binding
    const label = labels.get(JSON.stringify([systemId, holding.identity, holding.fingerprint]))
    const isShared = (holders.get(`${systemId} ${holding.fingerprint}`)?.size ?? 0) > 1
    return { ...rowOf(holding, label), ...(isShared ? { shared: true } : {}) }
  })
  const lines = Readable.from(
    (function* () {
      for (const row of rows) yield `${JSON.stringify(row)}\n`
    })(),
  )
  const bindings = new Map([...deps.systems].map(([name, { binding }]) => [name, binding]))
  const done = await importCredentials({ stream: lines, name: source.name, format: 'jsonl' }, { ...deps, bindings }, options)
  report.created = done.created
  report.updated = done.updated
  report.unchanged = done.unchanged
  report.skipped = done.skipped
  report.dueNow = done.dueNow
  report.stopped = done.stopped
  for (const fault of done.bad) {
    const holding = holdings[fault.line - 1]
    const why = `${fault.field === undefined ? '' : `${fault.field}: `}${fault.message}`
    addAside(
      report,
      holding === undefined ? aside({ detector: '', file: '' }, 'refused', why) : setAside(holding.first, 'refused', why),
    )
  }
  const untold = done.badTotal - done.bad.length
  report.asideTotal += untold
  if (untold > 0) report.reasons.refused = (report.reasons.refused ?? 0) + untold
}

/** What is known already keeps its label, and what it is called and expected to be. */
function rowOf({ identity, system, value, fingerprint, first }: Holding, label: string | undefined): Record<string, unknown> {
  const row = { identity, system: system.name, secret: value }
  if (label !== undefined) return { ...row, label }
  const kind = kindOf(value)
  // The fingerprint, so that the same secret has the same label in every report.
  const name = `${kind} ${fingerprint.slice(fingerprint.indexOf(':') + 1)}`
  return { ...row, label: name, kind, ...(first.principal === undefined ? {} : { principal: first.principal }) }
}

async function noteInAudit({ action, name }: FoundSource, deps: FoundDeps, report: FoundReport): Promise<void> {
  const { aside: _aside, unusedMaps: _unused, ...counts } = report
  await audit(deps.db, { actor: deps.actor, action, subject: name, detail: counts, at: deps.now() })
}
