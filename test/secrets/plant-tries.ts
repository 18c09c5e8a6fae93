import { expect } from 'vitest'
import type { House } from '../servers/revenant.ts'
import type { Marks } from './marks.ts'
import type { Plant } from './plants.ts'
import type { Note } from './receivers.ts'

export async function tries(house: House, plants: readonly Plant[], marks: Marks, live: Set<string>, note: Note): Promise<void> {
  const one = async (plant: Plant, options: readonly string[], stdin: string) => {
    const target = house.write(`targets/${plant.system}.json`, JSON.stringify(plant.target))
    const ran = await house.run(['try', plant.probe, '--target', `@${target}`, '--timeout', '10', ...options], { stdin })
    note(`revenant try ${plant.system} ${options.join(' ')}`, `${ran.stdout}${ran.stderr}`)
    return ran
  }
  const secret = (plant: Plant, alive: boolean) =>
    JSON.stringify(
      plant.secret('tried', (kind) => {
        const mark = marks.plant(`try ${plant.system} ${kind}`)
        if (alive && plant.never !== true) live.add(mark)
        return mark
      }),
    )
  for (let at = 0; at < plants.length; at += 3) {
    // Live and dead in turn, with controls and without.
    const some = plants.slice(at, at + 3)
    const ran = await Promise.all(
      some.map((plant, n) =>
        n % 2 === 0 ? one(plant, ['--json'], secret(plant, true)) : one(plant, ['--no-controls'], secret(plant, false)),
      ),
    )
    const unexpected = ran.filter(({ exit }, n) => !(some[n]?.spends === true ? [2] : [0, 3, 4]).includes(exit ?? -1))
    expect(unexpected).toEqual([])
  }
  const [bearer] = plants
  if (bearer === undefined) return
  const bad = [
    marks.plant('try: no JSON'),
    JSON.stringify({ password: marks.plant('try: another field') }),
    JSON.stringify([marks.plant('try: a list')]),
    `{"token":"${marks.plant('try: cut off')}`,
  ]
  for (const stdin of bad) expect((await one(bearer, ['--json'], stdin)).exit).toBe(2)
}
