import { readdirSync, readFileSync } from 'node:fs'
import { z } from 'zod'

/** USER_HZ of every Linux that Node.js runs on. */
const TICK_MICROS = 10_000

/**
 * Processor time in microseconds that a Postgres server has used so far: its postmaster, its processes, and those that have ended.
 * Linux only: undefined elsewhere.
 *
 * @param query asks the server
 */
export async function serverCpu(query: (sql: string) => Promise<Record<string, unknown>[]>): Promise<number | undefined> {
  if (process.platform !== 'linux') return undefined
  const [row] = await query('select pg_backend_pid() as pid')
  const postmaster = statOf(String(z.object({ pid: z.number() }).parse(row).pid))?.parent
  if (postmaster === undefined) return undefined
  const all = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => statOf(pid) ?? [])
  const own = all.find(({ pid }) => pid === postmaster)
  const children = all.filter(({ parent }) => parent === postmaster)
  const ticks = (own?.ticks ?? 0) + (own?.endedTicks ?? 0) + children.reduce((sum, { ticks }) => sum + ticks, 0)
  return ticks * TICK_MICROS
}

/** The fields of proc(5)'s `stat` that come after the name in parentheses: ppid is the 4th of all, utime the 14th. */
function statOf(pid: string): { pid: string; parent: string; ticks: number; endedTicks: number } | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
    const at = (nth: number) => fields[nth - 3] ?? '0'
    return { pid, parent: at(4), ticks: Number(at(14)) + Number(at(15)), endedTicks: Number(at(16)) + Number(at(17)) }
  } catch {
    // It has ended meanwhile.
    return undefined
  }
}
