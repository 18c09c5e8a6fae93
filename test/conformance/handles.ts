import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'vitest'

/** How many sockets, look-ups and timers keep the process alive. */
export function openHandles(): number {
  const kept = ['TCPSocketWrap', 'TLSWrap', 'PipeWrap', 'ConnectWrap', 'GetAddrInfoReqWrap', 'Timeout']
  return process.getActiveResourcesInfo().filter((name) => kept.includes(name)).length
}

/** Waits up to 2 s for something that a closed connection brings about; fails with its name. */
export async function eventually(what: string, holds: () => boolean): Promise<void> {
  for (let waited = 0; waited < 2_000; waited += 20) {
    if (holds()) return
    await sleep(20)
  }
  expect.fail(`not within 2 s: ${what} (${process.getActiveResourcesInfo().join(' ')})`)
}
