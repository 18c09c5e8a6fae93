import { readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { SINKS } from '../../src/alerts/sinks/registry.ts'
import { parseConfig } from '../../src/config/load.ts'
import { CONFIG_CHECKS } from '../../src/daemon/checks.ts'

describe('config/examples/alerts.yaml', () => {
  it('is valid, and shows every sink once', async () => {
    const path = 'config/examples/alerts.yaml'
    const { alerts } = await parseConfig(await readFile(path, 'utf8'), path, CONFIG_CHECKS)
    expect(alerts.map(({ sink }) => sink).toSorted()).toEqual(Object.keys(SINKS).toSorted())
  })
})
