import { PassThrough } from 'node:stream'
import { Presets, SingleBar } from 'cli-progress'
import type { Io } from './io.ts'

export interface ProgressBar {
  update(done: number, total: number): void
  stop(): void
}

/** A progress bar on the error stream of a terminal; nothing anywhere else, so that logs and pipes stay clean. */
export function progressBar(io: Io, unit: string): ProgressBar {
  if (!io.isTTY) return { update: () => {}, stop: () => {} }
  const stream = new PassThrough()
  stream.on('data', (chunk: Buffer) => io.err(chunk.toString('utf8')))
  const bar = new SingleBar(
    {
      stream,
      format: `{bar} {percentage}%  {value} of {total} ${unit}  {eta_formatted} left`,
      barsize: 30,
      hideCursor: true,
      clearOnComplete: true,
      noTTYOutput: true,
      fps: 8,
    },
    Presets.shades_classic,
  )
  let started = false
  return {
    update: (done, total) => {
      if (!started) {
        bar.start(total, done)
        started = true
      }
      bar.setTotal(total)
      bar.update(done)
    },
    stop: () => {
      if (started) bar.stop()
    },
  }
}
