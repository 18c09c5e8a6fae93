/** So many attempts of a trial at a time, whoever makes them: its lanes, or what is asked behind their backs. */
export interface Slots {
  /** Resolves when an attempt may start; undefined where one may at once. */
  take(): Promise<void> | undefined
  release(): void
}

export function openSlots(count: number): Slots {
  let free = count
  const waiting: (() => void)[] = []
  return {
    take: () => {
      if (free === 0) return new Promise((resolve) => waiting.push(resolve))
      free--
      return undefined
    },
    release: () => {
      const next = waiting.shift()
      if (next === undefined) free++
      else next()
    },
  }
}
