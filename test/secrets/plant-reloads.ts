import { expect } from 'vitest'
import { z } from 'zod'
import type { House, RunningDaemon } from '../servers/revenant.ts'
import type { Downstream } from './downstream.ts'
import type { Marks } from './marks.ts'
import { literals } from './plant-literals.ts'
import type { MalformedSink } from './plant-sinks.ts'
import type { Note } from './receivers.ts'

interface Reloads {
  house: House
  daemon: RunningDaemon
  config: Record<string, unknown>
  marks: Marks
  downstream: Downstream
  note: Note
  malformed: readonly MalformedSink[]
}

/** The file is replaced by bad ones, then by one that points a system at somebody else's origin. */
export async function reloads({ house, daemon, config, marks, downstream, note, malformed }: Reloads): Promise<void> {
  const hangUp = async (expected: string) => {
    const since = daemon.said().length
    daemon.child.kill('SIGHUP')
    await daemon.waitFor(expected, since)
  }
  // The first fault of a file is told: each of these in one of its own.
  const flaws = Map.groupBy(malformed, ({ entry, flaw }) => (entry.sink === 'webhook' ? flaw : undefined))
  flaws.delete(undefined)
  const broken = [...flaws.values()].flatMap(([one]) => (one === undefined ? [] : [{ ...config, alerts: [one.entry] }]))
  expect(broken.length).toBe(4)
  for (const text of [...literals(config, marks), ...broken.map((file) => JSON.stringify(file))]) {
    house.write('revenant.yaml', text)
    await hangUp('was not reloaded')
  }
  const moved = z.array(z.object({ name: z.string(), target: z.record(z.string(), z.unknown()) }).loose()).parse(config.systems)
  for (const system of moved) {
    for (const key of ['url', 'baseUrl', 'address']) {
      const at = system.target[key]
      if (typeof at === 'string') system.target[key] = at.replace(downstream.http, downstream.elsewhereOrigin)
    }
  }
  house.configure({ ...config, systems: moved })
  await hangUp('"msg":"configuration reloaded"')
  for (const line of [
    'identities reinstate leaver-0',
    'identities terminate leaver-0',
    'scan --once',
    'systems list',
    'doctor',
    'credentials list --identity leaver-0',
  ]) {
    const ran = await house.run(line.split(' '))
    note(`revenant ${line}, with systems that moved`, `${ran.stdout}${ran.stderr}`)
  }
  house.configure(config)
  await hangUp('"msg":"configuration reloaded"')
}
