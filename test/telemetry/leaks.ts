import { afterAll, beforeAll, expect } from 'vitest'

/** What the test runner itself opens and closes as it likes. */
const IGNORED = new Set(['PipeWrap', 'MessagePort', 'TTYWrap', 'Immediate', 'FSReqCallback', 'FSReqPromise', 'CloseReq'])

/** Fails the file when it leaves a socket, server, process or timer behind. */
export function failOnLeaks(): void {
  let before: Map<string, number>
  beforeAll(() => {
    before = open()
  })
  afterAll(async () => {
    let left: string[] = []
    // Closing takes the kernel and the event loop a moment.
    for (let tries = 0; tries < 40; tries++) {
      left = [...open()].filter(([name, count]) => count > (before.get(name) ?? 0)).map(([name, count]) => `${count} ${name}`)
      if (left.length === 0) break
      await new Promise((resolve) => setTimeout(resolve, 25))
    }
    expect(left, 'resources that the tests left open').toEqual([])
  })
}

function open(): Map<string, number> {
  const counts = new Map<string, number>()
  for (const name of process.getActiveResourcesInfo()) {
    if (!IGNORED.has(name)) counts.set(name, (counts.get(name) ?? 0) + 1)
  }
  return counts
}
