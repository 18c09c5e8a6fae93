import { Agent } from 'undici'

/**
 * The yardstick: a loop over tokens with undici alone, same concurrency, same request, body read, nothing judged, opened or recorded.
 * Answers requests per second.
 */
export async function bareLoop(origin: string, count: number, concurrency: number): Promise<number> {
  const agent = new Agent({ connections: concurrency, pipelining: 1 })
  let next = 0
  const lane = async (): Promise<void> => {
    while (next < count) {
      const token = `tk${String(next++).padStart(8, '0')}-0123456789ab-dead`
      const { body } = await agent.request({
        origin,
        path: '/user',
        method: 'GET',
        headers: { authorization: `Bearer ${token}`, accept: 'application/json', 'user-agent': 'revenant/bench' },
      })
      await body.text()
    }
  }
  const started = performance.now()
  await Promise.all(Array.from({ length: concurrency }, lane))
  const seconds = (performance.now() - started) / 1000
  await agent.close()
  return count / seconds
}
