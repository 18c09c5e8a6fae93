import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'

const answer = z.object({
  startMs: z.number(),
  traceId: z.string(),
  rootId: z.string(),
  spanIds: z.array(z.string()),
  sockets: z.number(),
  loadsSdk: z.boolean(),
})

/**
 * Runs scenario.ts with these variables and no other OTEL_ ones. Rejects when it does not end by itself within twenty seconds: something
 * was left open.
 */
export async function runScenario(env: Record<string, string>) {
  const inherited = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !name.startsWith('OTEL_') && !name.startsWith('NODE_')),
  )
  const child = spawn(process.execPath, [fileURLToPath(new URL('scenario.ts', import.meta.url))], {
    env: { ...inherited, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const stdout: Buffer[] = []
  const stderr: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk))
  child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk))
  const timer = setTimeout(() => child.kill('SIGKILL'), 20_000)
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve))
  clearTimeout(timer)
  const errors = Buffer.concat(stderr).toString()
  if (code !== 0) throw new Error(`the scenario ended with ${code ?? 'a signal: it did not end by itself'}: ${errors}`)
  const lines = errors.trim().split('\n')
  return {
    ...answer.parse(JSON.parse(lines.at(-1) ?? '')),
    stdout: Buffer.concat(stdout).toString(),
    complaints: lines.slice(0, -1),
  }
}
