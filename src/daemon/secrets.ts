import { isDeepStrictEqual } from 'node:util'
import type { Config } from '../config/config.ts'
import type { ReadReference } from '../custody/local-reference.ts'
import { openManagers } from '../custody/managers/open.ts'
import { openReferences, readReference } from '../custody/references.ts'
import { openRingWraps, type RingWraps } from '../custody/ring-wrap.ts'

type Settings = Pick<Config, 'secretManagers' | 'keyRingWrap'>

/** What secrets are read with: the secret managers of the configuration in force. No manager is asked before something needs it. */
export interface Secrets {
  readonly read: ReadReference
  /** How the key ring is to be wrapped, and how it may be. */
  wraps(): RingWraps
  /** Opens those of another configuration, beside these. */
  prepare(next: Settings): PreparedSecrets
  close(): Promise<void>
}

export interface PreparedSecrets {
  /** Reads with the managers of that configuration. */
  readonly read: ReadReference
  /** Puts them in force, and closes the others. */
  take(): Promise<void>
  /** Forgets them. */
  drop(): Promise<void>
}

interface Opened {
  settings: Settings
  read: ReadReference
  wraps: RingWraps
  close(): Promise<void>
}

export function openSecrets(first: Settings): Secrets {
  let current = open(first)
  return {
    read: (text) => current.read(text),
    wraps: () => current.wraps,
    prepare: (next) => {
      const same = isDeepStrictEqual(current.settings, pick(next))
      const opened = same ? current : open(next)
      return {
        read: opened.read,
        take: async () => {
          if (opened === current) return
          const old = current
          current = opened
          await old.close()
        },
        drop: async () => {
          if (opened !== current) await opened.close()
        },
      }
    },
    close: () => current.close(),
  }
}

function open(config: Settings): Opened {
  const settings = pick(config)
  const managers = openManagers(settings.secretManagers)
  return {
    settings,
    read: openReferences(managers),
    wraps: openRingWraps(settings.keyRingWrap, managers, readReference),
    close: () => managers.close(),
  }
}

function pick({ secretManagers, keyRingWrap }: Settings): Settings {
  return { secretManagers, keyRingWrap }
}
