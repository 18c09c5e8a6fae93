import { isDeepStrictEqual } from 'node:util'
import type { AccessConfig, Config, SinkConfig, SystemConfig } from './config.ts'

/** Names of a section that differ between two configurations. */
export interface Changes {
  added: string[]
  removed: string[]
  changed: string[]
}

export interface ConfigDiff {
  systems: Changes
  sinks: Changes
  /** Other sections that differ and take effect at once. */
  settings: string[]
  /** Sections that differ and take effect at the next start. */
  needsRestart: string[]
}

type Setting = Exclude<keyof Config, 'systems' | 'alerts'>

/** Which settings a running daemon can change. */
const SETTINGS: Readonly<Record<Setting, 'settings' | 'needsRestart'>> = {
  database: 'needsRestart',
  listen: 'needsRestart',
  instance: 'needsRestart',
  publicUrl: 'needsRestart',
  zones: 'needsRestart',
  keyRing: 'needsRestart',
  keyRingWrap: 'settings',
  secretManagers: 'settings',
  custody: 'settings',
  attribution: 'settings',
  scan: 'needsRestart',
  policy: 'settings',
  retention: 'settings',
  frameworks: 'settings',
  ledger: 'needsRestart',
  evidence: 'settings',
  access: 'settings',
  sources: 'settings',
  telemetry: 'settings',
}

/** What a reload changes. Pure; whether a changed system's origin moved is the caller's to say, since probes compute it. */
export function diffConfig(a: Config, b: Config): ConfigDiff {
  const changed = settingNames().filter((key) => !isDeepStrictEqual(a[key], b[key]))
  return {
    systems: diffNamed(a.systems, b.systems),
    sinks: diffNamed(a.alerts, b.alerts),
    settings: changed.filter((key) => SETTINGS[key] === 'settings'),
    needsRestart: [...changed.filter((key) => SETTINGS[key] === 'needsRestart'), ...fixedAccess(a.access, b.access)],
  }
}

/** What of `access` an open port keeps. */
function fixedAccess(a: AccessConfig, b: AccessConfig): string[] {
  const fixed = ({ serve, proxy, tls }: AccessConfig) => ({ serve, proxy, tls: tls !== undefined })
  const [before, after] = [fixed(a), fixed(b)]
  return (['serve', 'proxy', 'tls'] as const)
    .filter((key) => !isDeepStrictEqual(before[key], after[key]))
    .map((key) => `access.${key}`)
}

function settingNames(): Setting[] {
  return Object.keys(SETTINGS).filter(isSetting)
}

function isSetting(key: string): key is Setting {
  return Object.hasOwn(SETTINGS, key)
}

function diffNamed<T extends SystemConfig | SinkConfig>(before: readonly T[], after: readonly T[]): Changes {
  const old = new Map(before.map((entry) => [entry.name, entry]))
  const names = new Set(after.map((entry) => entry.name))
  return {
    added: after.filter((entry) => !old.has(entry.name)).map((entry) => entry.name),
    removed: before.filter((entry) => !names.has(entry.name)).map((entry) => entry.name),
    changed: after
      .filter((entry) => old.has(entry.name) && !isDeepStrictEqual(old.get(entry.name), entry))
      .map((entry) => entry.name),
  }
}
