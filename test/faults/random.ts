import { randomInt } from 'node:crypto'

/** A seeded generator of numbers in 0..1 (mulberry32); it prints its seed, and REVENANT_FAULT_SEED=n runs that again. */
export function seededRandom(): { next(): number } {
  const seed = Number(process.env.REVENANT_FAULT_SEED ?? randomInt(2 ** 31))
  process.stdout.write(`REVENANT_FAULT_SEED=${seed}\n`)
  let state = seed
  return {
    next: () => {
      state = (state + 0x6d2b79f5) | 0
      let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
      mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
      return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
    },
  }
}
