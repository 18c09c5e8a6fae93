import { Readable } from 'node:stream'
import type { RunRemote } from '../daemon/control.ts'
import type { Runtime } from '../daemon/runtime.ts'
import type { RunCommand } from './context.ts'

/** Runs the commands of other processes inside this daemon. @param page where it serves the page */
export function remoteRunner(runtime: Runtime, configPath: string, run: RunCommand, page: string | undefined): RunRemote {
  return (call, io) =>
    run({
      argv: call.argv,
      configPath,
      runtime,
      ...(page === undefined ? {} : { page }),
      io: {
        ...io,
        stdin: () => Readable.from([Buffer.from(call.stdin ?? '', 'base64')]),
        columns: call.columns,
        isTTY: call.isTTY,
        colour: call.colour,
        cwd: call.cwd,
      },
    })
}
