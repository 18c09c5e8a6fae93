import { openBox, type SecretValue } from '../../custody/box.ts'
import { type Aside, type Candidate, setAside } from './candidate.ts'
import type { ConfiguredSystem } from './configured-system.ts'
import { fitSecret, isFitted } from './fit-secret.ts'
import { isAt, isWeb, placeOf } from './place.ts'

/** What `--map DETECTOR=SYSTEM` said. */
export interface Mapping {
  detector: string
  system: string
}

/** What the operator said of where things belong. */
export interface SystemWords {
  mappings: readonly Mapping[]
  /** Who private keys log in as that name nobody. */
  account?: string
}

/** A system that takes a secret, and the secret in the form of its probe. */
export interface Choice {
  system: ConfiguredSystem
  value: SecretValue
}

/** Where a service is when its tokens name no host: the one that its maker runs. */
export const HOMES: Readonly<Record<string, string>> = {
  github: 'api.github.com',
  gitlab: 'gitlab.com',
  npm: 'registry.npmjs.org',
  slack: 'slack.com',
  'slack-webhook': 'hooks.slack.com',
  cloudflare: 'api.cloudflare.com',
  'docker-hub': 'hub.docker.com',
  'atlassian-admin': 'api.atlassian.com',
}

/** What became of one thing that was found: both, where it was mapped to several systems and fits some of them. */
export interface Chosen {
  choices: Choice[]
  asides: Aside[]
}

/**
 * The systems that a secret opens. It goes to a system of its kind whose origin is the place that its source names; where none is
 * named, to the one system of its kind, if that is the service's own; what any HTTP system might take goes to none. Whoever maps its
 * detector chooses among the systems that fit, and several may be mapped; a place that the source names is never overruled.
 */
export function chooseSystems(
  found: Candidate,
  systems: ReadonlyMap<string, ConfiguredSystem>,
  { mappings, account }: SystemWords,
): Chosen {
  const mapped = mappings.flatMap(({ detector, system }) => (isOf(found, detector) ? (systems.get(system) ?? []) : []))
  const { place } = found
  const fitting = mapped.filter(({ binding }) => place === undefined || isAt(binding.origin, place))
  const chosen = fitting.length > 0 ? fitting : choose(found, [...systems.values()])
  if (Array.isArray(chosen)) return fitAll(found, chosen, account)
  return { choices: [], asides: [mapped.length > 0 ? setAside(found, 'origin_differs') : chosen] }
}

/** Whether a mapping speaks of a finding: by its detector, or by the kind of probe. */
export function isOf({ detector, kinds }: Candidate, name: string): boolean {
  const same = (text: string) => text.toLowerCase() === name.toLowerCase()
  return same(detector) || (kinds !== 'web' && kinds.some(same))
}

function choose(found: Candidate, systems: readonly ConfiguredSystem[]): ConfiguredSystem[] | Aside {
  const { kinds, place } = found
  const pool = systems.filter(({ binding }) => (kinds === 'web' ? isWeb(binding.origin) : kinds.includes(binding.kind)))
  if (pool.length === 0 && kinds !== 'web' && !kinds.some(isFitted)) return setAside(found, 'no_probe')
  if (place === undefined) {
    // A name and a password, or a token, of anybody's: that there is one system only does not make them its own.
    if (kinds === 'web') return setAside(found, 'place_unknown')
    const [only, ...more] = pool
    if (only === undefined) return setAside(found, 'no_system')
    const home = HOMES[only.binding.kind]
    const isHome = home !== undefined && isAt(only.binding.origin, placeOf(home))
    return more.length === 0 && isHome ? [only] : setAside(found, 'place_unknown')
  }
  const there = pool.filter(({ binding }) => isAt(binding.origin, place))
  if (there.length > 1) return setAside(found, 'system_ambiguous')
  return there.length === 0 ? setAside(found, 'no_system') : there
}

function fitAll(found: Candidate, systems: readonly ConfiguredSystem[], account: string | undefined): Chosen {
  const parts = openBox(found.held)
  const chosen: Chosen = { choices: [], asides: [] }
  for (const system of systems) {
    const made = fitSecret(parts, system, account)
    if ('value' in made) chosen.choices.push({ system, value: made.value })
    else chosen.asides.push(setAside(found, 'not_replayable', made.misfit))
  }
  return chosen
}
