import type { Binding } from '../credential-row.ts'

/** A system of the configuration as whatever was found is matched with it. */
export interface ConfiguredSystem {
  name: string
  binding: Binding
  /** Where a system of the probe `http` takes its credential; undefined for every other probe. */
  placement?: 'bearer' | 'basic' | 'key' | 'cookie'
}
