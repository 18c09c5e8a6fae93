import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import type { Config } from '../../src/config/config.ts'
import { parseConfig } from '../../src/config/load.ts'
import { CONFIG_CHECKS } from '../../src/daemon/checks.ts'
import { openRuntime, type Runtime } from '../../src/daemon/runtime.ts'
import { startTelemetry } from '../../src/telemetry/start.ts'

/** What is open of each kind, by the configuration that it was opened for; and the step that is to fail. */
const open = vi.hoisted(() => {
  const of = new Map<string, number>()
  const state = { fails: '' }
  const track = <T extends { close(): Promise<void> }>(kind: string, opened: T): T => {
    const change = (by: number) => void of.set(kind, (of.get(kind) ?? 0) + by)
    change(1)
    const close = async () => {
      change(-1)
      await opened.close()
    }
    return { ...opened, close }
  }
  const fail = (step: string) => {
    if (state.fails === step) throw new Error(`${step} fails`)
  }
  return { of, state, track, fail }
})

vi.mock('../../src/custody/managers/open.ts', async (load) => {
  const { openManagers } = await load<typeof import('../../src/custody/managers/open.ts')>()
  return { openManagers: (...of: Parameters<typeof openManagers>) => open.track('managers', openManagers(...of)) }
})
vi.mock('../../src/daemon/sinks.ts', async (load) => {
  const { openSinks, allOpened } = await load<typeof import('../../src/daemon/sinks.ts')>()
  return {
    openSinks: async (...of: Parameters<typeof openSinks>) => {
      open.fail('openSinks')
      return open.track('sinks', await openSinks(...of))
    },
    allOpened: (...of: Parameters<typeof allOpened>) => {
      open.fail('allOpened')
      allOpened(...of)
    },
  }
})
vi.mock('../../src/daemon/systems.ts', async (load) => {
  const { openSystems } = await load<typeof import('../../src/daemon/systems.ts')>()
  return {
    openSystems: async (...of: Parameters<typeof openSystems>) => {
      open.fail('openSystems')
      return open.track('systems', await openSystems(...of))
    },
  }
})
vi.mock('../../src/daemon/feeds.ts', async (load) => {
  const { openFeeds } = await load<typeof import('../../src/daemon/feeds.ts')>()
  return {
    openFeeds: async (...of: Parameters<typeof openFeeds>) => {
      open.fail('openFeeds')
      return open.track('feeds', await openFeeds(...of))
    },
  }
})
vi.mock('../../src/daemon/inventories.ts', async (load) => {
  const { openInventories } = await load<typeof import('../../src/daemon/inventories.ts')>()
  return {
    openInventories: async (...of: Parameters<typeof openInventories>) => {
      open.fail('openInventories')
      return open.track('inventories', await openInventories(...of))
    },
  }
})

const ONE_OF_EACH = { managers: 1, sinks: 1, systems: 1, feeds: 1, inventories: 1 }

describe('a reload', () => {
  let folder = ''
  let runtime: Runtime
  let first: Config
  let closed = false
  /** The same with another secret manager, so that managers are opened anew. */
  const configured = (manager: string) =>
    parseConfig(
      JSON.stringify({
        database: { dataDir: join(folder, 'data') },
        keyRing: join(folder, 'keyring.json'),
        alerts: [{ name: 'out', sink: 'stdout', format: 'json' }],
        secretManagers: [{ name: manager, manager: 'exec', program: '/bin/true' }],
      }),
      'revenant.yaml',
      CONFIG_CHECKS,
    )
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'revenant-reload-'))
    first = await configured('first')
    const telemetry = await startTelemetry({ version: '0', instance: 'test', logLevel: 'error', env: {}, logTo: 'stderr' })
    runtime = await openRuntime(first, telemetry)
  })
  afterAll(async () => {
    if (!closed) await runtime.close()
    rmSync(folder, { recursive: true, force: true })
  })

  it.each(['openSinks', 'allOpened', 'openSystems', 'prepareDeliveries', 'openFeeds', 'openInventories'])(
    'that fails at %s leaves nothing open, and the old configuration in force',
    async (step) => {
      const before = { sinks: runtime.sinks, systems: runtime.systems, feeds: runtime.feeds, inventories: runtime.inventories }
      if (step === 'prepareDeliveries')
        vi.spyOn(runtime.jobs, 'prepareDeliveries').mockRejectedValueOnce(new Error(`${step} fails`))
      else open.state.fails = step
      await expect(runtime.reload(await configured('second'))).rejects.toThrow(`${step} fails`)
      open.state.fails = ''
      expect(Object.fromEntries(open.of)).toEqual(ONE_OF_EACH)
      expect(runtime.config).toBe(first)
      for (const [kind, opened] of Object.entries(before))
        expect([kind, Reflect.get(runtime, kind) === opened]).toEqual([kind, true])
    },
  )

  it('that succeeds closes what was before, and the end closes everything', async () => {
    const next = await configured('second')
    await runtime.reload(next)
    expect(runtime.config).toBe(next)
    expect(Object.fromEntries(open.of)).toEqual(ONE_OF_EACH)
    await runtime.close()
    closed = true
    expect(new Set(open.of.values())).toEqual(new Set([0]))
  })
})
